//! The cost of an image with other layers, or without some files. The layers are really packed, like by layer-pack,
//! but only counted: this makes no image.

mod change;
mod group;
mod plan;
#[cfg(test)]
mod tests;

pub use change::Change;

use crate::repack::{Count, Packer, compression};
use group::Group;
use libcli::Failure;
use libimage::instruction::Instruction;
use libimage::ledger::Ledger;
use libimage::source::Opened;
use libwire::Digest;
use plan::plan;
use serde::Serialize;
use std::collections::HashSet;

/// The cost after the changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIf {
    /// The changes, as the user wrote them.
    pub changes: Vec<String>,
    /// Bytes of the layers' blobs.
    pub download: u64,
    /// Bytes of the layers' tars.
    pub tar: u64,
    /// Bytes of their files' content.
    pub content: u64,
    /// The layers, lowest first.
    pub layers: Vec<NewLayer>,
}

/// A layer after the changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewLayer {
    /// The present layers that it is made of, from 1.
    pub layers: Vec<usize>,
    /// Bytes of its blob.
    pub download: u64,
    /// Bytes of its tar.
    pub tar: u64,
    /// Bytes of its files' content.
    pub content: u64,
}

/// The cost after all of these changes together.
pub fn what_if(
    opened: &Opened,
    ledger: &Ledger,
    instructions: &[Instruction],
    changes: &[(String, Change)],
) -> Result<WhatIf, Failure> {
    let plan = plan(ledger, instructions, changes).map_err(|what| Failure::failed(&opened.name, what))?;
    let mut result = WhatIf {
        changes: changes.iter().map(|(text, _)| text.clone()).collect(),
        download: 0,
        tar: 0,
        content: 0,
        layers: Vec::new(),
    };
    let mut kept = HashSet::new();
    for &(first, last) in &plan.groups {
        let group =
            Group::new(ledger, &plan, first, last).map_err(|what| Failure::failed(&opened.name, what))?;
        let layers = (usize::from(first)..=usize::from(last)).map(|layer| layer + 1).collect();
        let layer = match group.changes_nothing() {
            true => unchanged(opened, ledger, layers, first, &mut kept),
            false => {
                let packer = Packer::new(Count::default(), compression(opened, first.into()))?;
                let (packer, content) = group.pack(opened, packer)?;
                if packer.entries == 0 {
                    continue;
                }
                let (download, tar) = packer.sizes()?;
                NewLayer { layers, download, tar, content }
            }
        };
        result.download += layer.download;
        result.tar += layer.tar;
        result.content += layer.content;
        result.layers.push(layer);
    }
    Ok(result)
}

/// An unchanged layer. If a layer below has the same blob, it is downloaded once.
fn unchanged(
    opened: &Opened,
    ledger: &Ledger,
    layers: Vec<usize>,
    layer: u16,
    kept: &mut HashSet<Digest>,
) -> NewLayer {
    let sums = ledger.layers.get(usize::from(layer)).copied().unwrap_or_default();
    let blob = opened.image.manifest.layers.get(usize::from(layer));
    let download = blob.filter(|blob| kept.insert(blob.digest)).map_or(0, |blob| blob.size);
    NewLayer { layers, download, tar: sums.tar_size, content: sums.content }
}
