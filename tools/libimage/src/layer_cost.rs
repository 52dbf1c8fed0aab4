//! The cost of each layer, and how much of it each later layer hid: the ledger's sums, layer by layer. It does not
//! know the source of a layer.

use crate::ledger::{Fate, Inode, Ledger};
use crate::source::Opened;
use libwire::Digest;
use serde::Serialize;
use std::collections::BTreeMap;

/// The cost of a layer.
#[derive(Clone, Debug, Serialize)]
pub struct LayerCost {
    /// Position, from 1.
    pub layer: usize,
    /// The blob's digest.
    pub digest: Digest,
    /// The tar's digest.
    pub diff_id: Digest,
    /// The bytes of the blob; 0 if a lower layer has the same blob.
    pub download: u64,
    /// The bytes of the blobs so far.
    pub running: u64,
    /// Bytes of the tar.
    pub tar: u64,
    /// Entries of the tar, whiteouts included; 0 is an empty layer.
    pub entries: u64,
    /// Bytes of its files' content.
    pub content: u64,
    /// Bytes of its content that are visible in the image.
    pub visible: u64,
    /// Its content that is not visible, by the layer that hid it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<HiddenSum>,
}

/// The files of one layer that another layer hid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HiddenSum {
    /// The layer that hid it.
    pub by: usize,
    /// How it hid them.
    pub fate: Fate,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The costs of an image's layers, lowest first.
pub fn costs(opened: &Opened, ledger: &Ledger) -> Vec<LayerCost> {
    let image = &opened.image;
    let digests = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
    let all = ledger.layers.iter().zip(paid(ledger)).zip(digests);
    let (mut costs, mut running) = (Vec::new(), 0);
    for (at, ((sums, paid), (descriptor, &diff_id))) in all.enumerate() {
        running += sums.blob_size;
        costs.push(LayerCost {
            layer: at + 1,
            digest: descriptor.digest,
            diff_id,
            download: sums.blob_size,
            running,
            tar: sums.tar_size,
            entries: sums.entries,
            content: sums.content,
            visible: paid.visible,
            hidden: paid.hidden(),
        });
    }
    costs
}

/// The contents that a layer pays for, visible and hidden.
#[derive(Clone, Default)]
pub struct Paid {
    /// How many there are.
    pub files: u64,
    /// Bytes of those that are visible in the image.
    pub visible: u64,
    /// The hidden contents, by the layer that hid them, from 0, and how.
    hidden: BTreeMap<(u16, Fate), HiddenSum>,
}

impl Paid {
    /// Counts a content.
    pub fn add(&mut self, inode: &Inode) {
        self.files += 1;
        match inode.gone {
            None => self.visible += inode.size,
            Some((by, fate)) => {
                let new = || HiddenSum { by: usize::from(by) + 1, fate, files: 0, bytes: 0 };
                let sum = self.hidden.entry((by, fate)).or_insert_with(new);
                sum.files += 1;
                sum.bytes += inode.size;
            }
        }
    }

    /// The hidden ones, by the layer that hid them and how.
    pub fn hidden(&self) -> Vec<HiddenSum> {
        self.hidden.values().copied().collect()
    }
}

fn paid(ledger: &Ledger) -> Vec<Paid> {
    let mut paid = vec![Paid::default(); ledger.layers.len()];
    for inode in &ledger.inodes {
        paid[usize::from(inode.layer)].add(inode);
    }
    paid
}
