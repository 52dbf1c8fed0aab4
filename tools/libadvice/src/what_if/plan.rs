//! The plan for several changes to an image's layers: the layers that become one, and the files that are left out.

use super::change::Change;
use crate::findings::{self, Cached};
use libimage::instruction::Instruction;
use libimage::ledger::Ledger;
use libimage::places::PlaceId;

/// The groups of layers, and the places that are left out.
pub(super) struct Plan {
    /// First and last layer of each group, from 0.
    pub(super) groups: Vec<(u16, u16)>,
    /// Whether each place is left out.
    dropped: Vec<bool>,
    /// Layers below this one keep their files.
    from: u16,
}

/// The plan for all of these changes together.
pub(super) fn plan(
    ledger: &Ledger,
    instructions: &[Instruction],
    changes: &[(String, Change)],
) -> Result<Plan, String> {
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
    /// Whether the entry of a layer at a place is left out.
    pub(super) fn drops(&self, place: PlaceId, layer: u16) -> bool {
        layer >= self.from && self.dropped.get(place as usize).copied().unwrap_or_default()
    }

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
            "--what-if multistage: it is not known which layers belong to the base; build the image in this store"
                .into(),
        );
    }
    Ok(instructions.iter().filter(|instruction| instruction.base && instruction.layer.is_some()).count()
        as u16)
}

/// Places above the base that only a build needs.
fn for_building(ledger: &Ledger, base: u16) -> impl Iterator<Item = PlaceId> {
    let cached = Cached::new(&ledger.places);
    ledger.places.all().skip(1).filter(move |&place| {
        let own = ledger.visible(place).is_some_and(|put| put.layer >= base);
        own && (cached.at(place).is_some() || findings::purpose(ledger, &cached, place).is_some())
    })
}
