//! What an image would cost if it were cut into layers otherwise, or were without some files: it is really
//! packed, as layer-pack would, into nothing but a count. It makes no image.

mod group;
#[cfg(test)]
mod tests;

use crate::findings::{self, Cached};
use crate::repack::{Count, Packer, compression};
use group::Group;
use libcli::Failure;
use libimage::instruction::Instruction;
use libimage::ledger::Ledger;
use libimage::places::PlaceId;
use libimage::source::Opened;
use libwire::Digest;
use serde::Serialize;
use std::collections::HashSet;
use std::str::FromStr;

/// A change that is tried.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// One layer of what is visible.
    Squash,
    /// A path, and all below it, was never in any layer.
    Drop(String),
    /// These layers, counted from 1, are one.
    Merge(usize, usize),
    /// The base's layers, and one with what is visible above them and not for building.
    Multistage,
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = |text: &str| {
            let (first, last) = text.split_once('-')?;
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (1 <= first && first < last).then_some(Self::Merge(first, last))
        };
        let known = match text.split_once('=') {
            None if text == "squash" => Some(Self::Squash),
            None if text == "multistage" => Some(Self::Multistage),
            Some(("drop", path)) if !path.trim_matches('/').is_empty() => Some(Self::Drop(path.to_owned())),
            Some(("merge", layers)) => span(layers),
            _ => None,
        };
        known.ok_or_else(|| format!("{text:?} is none of squash, multistage, drop=PATH and merge=3-5"))
    }
}

/// What the image would cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIf {
    /// The changes, as they were given.
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

/// A layer there would be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewLayer {
    /// The layers it would be made of, from 1.
    pub layers: Vec<usize>,
    /// Bytes of its blob.
    pub download: u64,
    /// Bytes of its tar.
    pub tar: u64,
    /// Bytes of its files' content.
    pub content: u64,
}

/// How the image is cut, and what is left out.
struct Plan {
    /// First and last layer of each group, from 0.
    groups: Vec<(u16, u16)>,
    /// By place.
    dropped: Vec<bool>,
    /// Layers below this keep what is dropped.
    from: u16,
}

/// What the image would cost with all of these changes together.
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

/// A layer as it is; its blob may be one that is kept already, and is downloaded once.
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

fn plan(ledger: &Ledger, instructions: &[Instruction], changes: &[(String, Change)]) -> Result<Plan, String> {
    let count = ledger.layers.len();
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut plan = Plan { groups: Vec::new(), dropped: vec![false; ledger.places.count()], from: 0 };
    for (text, change) in changes {
        match change {
            Change::Squash if count > 0 => spans.push((1, count)),
            Change::Squash => {}
            Change::Merge(_, last) if *last > count => {
                let layers = if count == 1 { "one layer".to_owned() } else { format!("{count} layers") };
                return Err(format!("--what-if {text}: the image has {layers}"));
            }
            &Change::Merge(first, last) => spans.push((first, last)),
            Change::Drop(path) => {
                let place = ledger.find(path.as_bytes()).filter(|&place| place != 0);
                let place = place.ok_or_else(|| format!("--what-if {text}: no layer has this path"))?;
                std::iter::once(place).chain(ledger.places.below(place)).for_each(|place| plan.drop(place));
            }
            Change::Multistage => {
                let base = base_layers(instructions, count)?;
                for_building(ledger, base).for_each(|place| plan.drop(place));
                plan.from = base;
                spans.extend(Some((usize::from(base) + 1, count)).filter(|(first, last)| first <= last));
            }
        }
    }
    if changes.iter().any(|(_, change)| *change == Change::Multistage)
        && changes.iter().any(|(_, change)| matches!(change, Change::Drop(_) | Change::Squash))
    {
        return Err("--what-if multistage keeps the base as it is; try squash and drop without it".to_owned());
    }
    plan.cut(spans, count)?;
    Ok(plan)
}

impl Plan {
    fn drop(&mut self, place: PlaceId) {
        self.dropped[place as usize] = true;
    }

    fn cut(&mut self, mut spans: Vec<(usize, usize)>, count: usize) -> Result<(), String> {
        spans.sort_unstable();
        if let Some(pair) = spans.windows(2).find(|pair| pair[1].0 <= pair[0].1) {
            return Err(format!("--what-if: layer {} can only be merged once", pair[1].0));
        }
        let mut layer = 1;
        while layer <= count {
            let last = spans.iter().find(|(first, _)| *first == layer).map_or(layer, |(_, last)| *last);
            self.groups.push((layer as u16 - 1, last as u16 - 1));
            layer = last + 1;
        }
        Ok(())
    }
}

/// How many of `layers` came with the base.
fn base_layers(instructions: &[Instruction], layers: usize) -> Result<u16, String> {
    let known = |instruction: &&Instruction| instruction.base || instruction.line.is_some();
    let made = |instruction: &&Instruction| instruction.layer.is_some();
    if instructions.iter().filter(made).filter(known).count() != layers {
        return Err(
            "--what-if multistage: which layers are the base's is not known; build the image in this store"
                .into(),
        );
    }
    Ok(instructions.iter().filter(|instruction| instruction.base && instruction.layer.is_some()).count()
        as u16)
}

/// Places above the base that are of use to a build only.
fn for_building(ledger: &Ledger, base: u16) -> impl Iterator<Item = PlaceId> {
    let cached = Cached::new(&ledger.places);
    ledger.places.all().skip(1).filter(move |&place| {
        let own = ledger.visible(place).is_some_and(|put| put.layer >= base);
        own && (cached.at(place).is_some() || findings::purpose(ledger, &cached, place).is_some())
    })
}
