//! The history of a path: the links to it, the instructions that put something there or hid it, and the cost.

use crate::branches::Entry;
use crate::lookup;
use libcli::Failure;
use libimage::image_cost::ImageCost;
use libimage::instruction::Instruction;
use libimage::layer::Act;
use libimage::layer_cost::{HiddenSum, Paid};
use libimage::ledger::{Fate, Ledger, Put};
use libimage::packages::Manager;
use libimage::places::{PlaceId, Places};
use libwire::changes::Target;
use libwire::{Digest, WirePath};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// The history of a path.
#[derive(Debug, Serialize)]
pub struct Why {
    /// The image, as the user named it.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// The target of the path; the root is `.`.
    #[serde(flatten)]
    pub path: WirePath,
    /// The symbolic links in the path, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// The package it belongs to, or belonged to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    /// Whether it is visible in the image.
    pub visible: bool,
    /// The entries that layers put there, the oldest first.
    pub puts: Vec<PutThere>,
    /// The bytes below it, by the layer that pays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub below: Vec<PaidBelow>,
}

/// A package.
#[derive(Debug, Serialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its package manager.
    pub manager: Manager,
}

/// A symbolic link in the path.
#[derive(Debug, Serialize)]
pub struct Link {
    /// The path of the link.
    #[serde(flatten)]
    pub path: WirePath,
    /// Its target, as in the layer.
    #[serde(flatten)]
    pub target: Target,
    /// The layer that put it there.
    #[serde(flatten)]
    pub by: Maker,
}

/// A layer and its instruction.
#[derive(Clone, Debug, Serialize)]
pub struct Maker {
    /// The layer, from 1.
    pub layer: usize,
    /// The instruction, if the image names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<Instruction>,
}

/// An entry that a layer put at the path.
#[derive(Debug, Serialize)]
pub struct PutThere {
    /// The layer that put it there.
    #[serde(flatten)]
    pub by: Maker,
    /// The entry.
    #[serde(flatten)]
    pub is: Entry,
    /// The bytes that its layer pays for it.
    pub bytes: u64,
    /// The first name of the file, if this is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_of: Option<FirstName>,
    /// The layer that hid it, and how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
    /// Whether its content is still visible under another name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// The first name of a file.
#[derive(Debug, Serialize)]
pub struct FirstName {
    /// The path of that name.
    #[serde(flatten)]
    pub path: WirePath,
    /// The layer that pays for its content, from 1.
    pub layer: usize,
}

/// How an entry was hidden.
#[derive(Debug, Serialize)]
pub struct Gone {
    /// The way it was hidden.
    pub fate: Fate,
    /// The layer that hid it.
    #[serde(flatten)]
    pub by: Maker,
}

/// The bytes that a layer pays for below a path.
#[derive(Debug, Serialize)]
pub struct PaidBelow {
    /// The layer that pays.
    #[serde(flatten)]
    pub by: Maker,
    /// The visible bytes.
    pub visible: u64,
    /// The hidden bytes.
    pub hidden: u64,
    /// How many files.
    pub files: u64,
    /// The layers that hid them, and how.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<HiddenSum>,
}

/// The history of `path`.
pub fn why(image: &ImageCost, ledger: &Ledger, path: &[u8]) -> Result<Why, Failure> {
    let found = lookup::find(ledger, path)?;
    let link = |&place: &PlaceId| {
        let put = ledger.visible(place).or_else(|| ledger.puts_at(place).next())?;
        let (path, target) = (ledger.places.wire_path(place)?, Target(ledger.link(put).to_vec()));
        Some(Link { path, target, by: by(image, put.layer) })
    };
    let mut puts: Vec<&Put> = ledger.puts_at(found.place).collect();
    puts.reverse();
    Ok(Why {
        image: image.name.clone(),
        digest: image.digest,
        path: ledger
            .places
            .wire_path(found.place)
            .ok_or_else(|| Failure::failed(lookup::said(path), "leads to a path that is too long"))?,
        package: ledger.packages.owner(found.place).map(|owner| Package {
            name: owner.name.clone(),
            version: owner.version.clone(),
            manager: owner.manager,
        }),
        links: found.links.iter().filter_map(link).collect(),
        visible: found.place == Places::ROOT || ledger.visible(found.place).is_some(),
        puts: puts.into_iter().map(|put| there(image, ledger, put)).collect(),
        below: below(image, ledger, found.place),
    })
}

fn by(image: &ImageCost, layer: u16) -> Maker {
    let layer = usize::from(layer) + 1;
    Maker { layer, instruction: image.instruction_of(layer).cloned() }
}

fn there(image: &ImageCost, ledger: &Ledger, put: &Put) -> PutThere {
    let inode = ledger.inode(put);
    let further = inode.filter(|_| put.act == Act::Hardlink);
    let first = |inode: &libimage::ledger::Inode| {
        Some(FirstName { path: ledger.places.wire_path(inode.place)?, layer: usize::from(inode.layer) + 1 })
    };
    PutThere {
        by: by(image, put.layer),
        is: Entry::of(ledger, put),
        bytes: inode.filter(|_| put.act == Act::File).map_or(0, |inode| inode.size),
        name_of: further.and_then(first),
        gone: put.gone.map(|(layer, fate)| Gone { fate, by: by(image, layer) }),
        kept: put.gone.is_some() && inode.is_some_and(|inode| inode.gone.is_none()),
    }
}

/// The bytes that layers pay for below a place, visible or hidden, each content once.
fn below(image: &ImageCost, ledger: &Ledger, top: PlaceId) -> Vec<PaidBelow> {
    let mut seen = HashSet::new();
    let mut sums: BTreeMap<u16, Paid> = BTreeMap::new();
    for put in ledger.places.below(top).flat_map(|place| ledger.puts_at(place)) {
        let Some(inode) = ledger.inode(put).filter(|_| seen.insert(put.inode)) else { continue };
        sums.entry(inode.layer).or_default().add(inode);
    }
    let sum = |(layer, paid): (u16, Paid)| {
        let gone = paid.hidden();
        let hidden = gone.iter().map(|sum| sum.bytes).sum();
        PaidBelow { by: by(image, layer), visible: paid.visible, hidden, files: paid.files, gone }
    };
    sums.into_iter().map(sum).collect()
}
