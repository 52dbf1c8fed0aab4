//! The cost of one image: the ledger's sums by instruction, ready to be shown. Views compute nothing about the image
//! themselves.

use crate::from_cost::{Brought, FromCost, froms};
use crate::instruction::{Instruction, instructions};
use crate::layer_cost::{LayerCost, costs};
use crate::ledger::{Fate, Inode, Ledger};
use crate::origin::origin;
use crate::source::Opened;
use libwire::Platform;
use libwire::provenance::Base;
use libwire::{Digest, Reference, WirePath};
use serde::Serialize;

/// How many of the largest hidden files are listed.
const NAMED: usize = 200;

/// The cost of an image.
#[derive(Clone, Debug, Serialize)]
pub struct ImageCost {
    /// As the user named it.
    #[serde(rename = "image")]
    pub name: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// `os/architecture`.
    pub platform: String,
    /// When the image was made, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Sums over the image.
    pub totals: Totals,
    /// The FROMs of its build, in the order of the build, if known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<FromCost>,
    /// Its instructions in order.
    pub instructions: Vec<Instruction>,
    /// Its layers, lowest first.
    pub layers: Vec<LayerCost>,
    /// The largest hidden files, largest first.
    pub hidden: Vec<HiddenFile>,
}

impl ImageCost {
    /// The instruction that made a layer, from 1.
    pub fn instruction_of(&self, layer: usize) -> Option<&Instruction> {
        self.instructions.iter().find(|instruction| instruction.layer == Some(layer))
    }
}

/// Sums over an image, in bytes except for the counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// The layers' blobs, each once: the bytes of a download.
    pub download: u64,
    /// The layers' tars: about the space they take unpacked.
    pub tar: u64,
    /// The content of all files in all layers.
    pub content: u64,
    /// The content that is visible in the image.
    pub visible: u64,
    /// The content that is not visible.
    pub hidden: u64,
    /// Visible files.
    pub files: u64,
    /// Hidden files.
    pub hidden_files: u64,
    /// dive's score in parts of ten thousand.
    pub efficiency: u32,
    /// The bytes that dive calls wasted.
    pub wasted: u64,
    /// The part that came with the base image, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Brought>,
}

/// A file that a layer has but the image does not show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HiddenFile {
    /// The path of the file.
    #[serde(flatten)]
    pub path: WirePath,
    /// Its bytes.
    pub bytes: u64,
    /// The layer that pays for it.
    pub layer: usize,
    /// The layer that hid it.
    pub by: usize,
    /// How it was hidden.
    pub fate: Fate,
}

/// Adds up an image's ledger.
pub fn image_cost(opened: &Opened, ledger: &Ledger) -> ImageCost {
    let image = &opened.image;
    let known = |base: Option<&Base>| match base {
        None => opened.provenance(),
        Some(base) => {
            let name = base.image.as_deref().and_then(|name| Reference::parse(name).ok());
            opened.store.provenance(base.manifest?, name.as_ref())
        }
    };
    let origin = origin(&image.config.history, image.manifest.layers.len(), known);
    let layers = costs(opened, ledger);
    let instructions = instructions(&image.config, layers.len(), &origin);
    let (from, base) = froms(&origin, &instructions, &layers);
    ImageCost {
        name: opened.name.clone(),
        digest: image.descriptor.digest,
        platform: Platform::of_config(&image.config).to_string(),
        created: image.config.created.clone(),
        totals: Totals { base, ..totals(ledger) },
        from,
        instructions,
        layers,
        hidden: hidden(ledger),
    }
}

fn totals(ledger: &Ledger) -> Totals {
    let mut totals = Totals {
        efficiency: (ledger.efficiency.score() * 10_000.0).round() as u32,
        wasted: ledger.efficiency.wasted(),
        ..Totals::default()
    };
    for sums in &ledger.layers {
        totals.download += sums.blob_size;
        totals.tar += sums.tar_size;
        totals.content += sums.content;
    }
    for inode in &ledger.inodes {
        let (bytes, files) = match inode.gone {
            None => (&mut totals.visible, &mut totals.files),
            Some(_) => (&mut totals.hidden, &mut totals.hidden_files),
        };
        *bytes += inode.size;
        *files += 1;
    }
    totals
}

fn hidden(ledger: &Ledger) -> Vec<HiddenFile> {
    let mut largest: Vec<_> =
        ledger.inodes.iter().filter(|inode| inode.gone.is_some() && inode.size > 0).collect();
    // Files of the same size keep the order of the layers, so that a report is always the same.
    largest.sort_by_key(|inode| std::cmp::Reverse(inode.size));
    let file = |inode: &&Inode| {
        let (by, fate) = inode.gone?;
        Some(HiddenFile {
            path: ledger.places.wire_path(inode.place)?,
            bytes: inode.size,
            layer: usize::from(inode.layer) + 1,
            by: usize::from(by) + 1,
            fate,
        })
    };
    largest.iter().filter_map(file).take(NAMED).collect()
}
