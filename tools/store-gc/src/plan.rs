//! Decides which entries of a store are removed, in which order, and says why each goes or stays. It removes nothing.
//!
//! The entry that is cheapest to make again for each byte goes first: `(time + 0.2 s) / bytes`, halved for each week
//! since it was used. An entry that others are built on is worth at least as much as the dearest of them.

use crate::value::{Worth, worth};
use libstore::{EntryId, Inventory};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

/// The limits to plan for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The bytes that the store may take.
    pub target: u64,
    /// Entries that were not used for this time go too.
    pub keep_for: Option<Duration>,
    /// Now.
    pub now: SystemTime,
}

/// The entries that go, and the reason for each entry.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The units in the order in which they go. The entries of a unit go together, those that name others first.
    pub units: Vec<Vec<EntryId>>,
    /// Why each entry goes or stays.
    pub reasons: BTreeMap<EntryId, String>,
    /// The bytes that the store takes afterwards.
    pub disk: u64,
}

/// Decides which of the entries `all` go, while `used` are in use.
pub fn plan(all: &Inventory, used: &BTreeSet<EntryId>, wanted: Wanted) -> Plan {
    let mut planner = Planner::new(all, used);
    planner.remove_useless();
    let ranks = planner.ranks(wanted);
    for (id, rank) in ranks {
        let expired = wanted.keep_for.is_some_and(|most| rank.unused > most);
        match expired || planner.plan.disk > wanted.target {
            true => planner.remove_unit(&id, &rank.words),
            false => planner.reason(&id, &format!("within the limit: {}", rank.words)),
        }
    }
    planner.finish()
}

/// How soon a candidate goes.
struct Rank {
    value: f64,
    unused: Duration,
    words: String,
}

struct Planner<'a> {
    all: &'a Inventory,
    /// The entries that must stay, and why.
    fixed: BTreeMap<EntryId, String>,
    gone: BTreeSet<EntryId>,
    /// Which entries need an entry.
    needed_by: BTreeMap<&'a EntryId, Vec<&'a EntryId>>,
    /// Which entries are there for an entry.
    served_by: BTreeMap<&'a EntryId, Vec<&'a EntryId>>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(all: &'a Inventory, used: &BTreeSet<EntryId>) -> Self {
        let mut fixed: BTreeMap<_, _> =
            all.closure(used.iter().cloned()).into_iter().map(|id| (id, "in use".to_owned())).collect();
        for (name, image) in &all.named {
            let needed = format!("needed by {}", name.familiar());
            fixed.extend(all.closure([image.clone()]).into_iter().map(|id| (id, needed.clone())));
        }
        let (mut needed_by, mut served_by) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for (id, entry) in &all.entries {
            for other in &entry.needs {
                needed_by.entry(other).or_default().push(id);
            }
            for other in entry.serves.iter().flatten() {
                served_by.entry(other).or_default().push(id);
            }
        }
        let plan = Plan { disk: all.disk(), ..Plan::default() };
        Self { all, fixed, gone: BTreeSet::new(), needed_by, served_by, plan }
    }

    /// Removes the entries that nothing leads to.
    fn remove_useless(&mut self) {
        loop {
            let is_useless = |(id, _): &(&EntryId, _)| !self.gone.contains(*id) && self.is_useless(id);
            let useless: Vec<_> =
                self.all.entries.iter().filter(is_useless).map(|(id, _)| id.clone()).collect();
            if useless.is_empty() {
                return;
            }
            useless.iter().for_each(|id| self.remove_unit(id, "nothing leads to it"));
        }
    }

    fn is_useless(&self, id: &EntryId) -> bool {
        if self.fixed.contains_key(id) || self.is_there(self.needed_by.get(id)) {
            return false;
        }
        let entry = &self.all.entries[id];
        match id {
            EntryId::Blob(_) => true,
            EntryId::Snapshot(_) => !entry.unpacked && !self.is_there(self.served_by.get(id)),
            _ => entry.serves.as_ref().is_some_and(|served| {
                let serves = |id: &EntryId| self.all.entries.contains_key(id) && !self.gone.contains(id);
                !served.iter().any(|id| serves(id) || self.fixed.contains_key(id))
            }),
        }
    }

    fn is_there(&self, ids: Option<&Vec<&EntryId>>) -> bool {
        // A log does not keep a snapshot.
        ids.is_some_and(|ids| ids.iter().any(|id| !self.gone.contains(*id) && !matches!(id, EntryId::Log(_))))
    }

    /// The entries that may go, in the order in which they go.
    fn ranks(&mut self, wanted: Wanted) -> Vec<(EntryId, Rank)> {
        let mut worths: BTreeMap<&EntryId, Worth> = BTreeMap::new();
        for (id, entry) in &self.all.entries {
            let is_candidate = match id {
                EntryId::Blob(_) => false,
                _ => entry.serves.is_none(),
            };
            if is_candidate && !self.gone.contains(id) && !self.fixed.contains_key(id) {
                let records = self.served_by.get(id).into_iter().flatten().map(|id| &self.all.entries[*id]);
                worths.insert(id, worth(id, entry, records, self.own_disk(id), wanted.now));
            }
        }
        // Each snapshot names all that are below it.
        let above =
            |id: &EntryId| self.needed_by.get(id).into_iter().flatten().filter_map(|id| worths.get(*id));
        let rank = |(id, own): (&&EntryId, &Worth)| {
            let value = above(id).map(|other| other.value).fold(own.value, f64::max);
            let unused = above(id).map(|other| other.unused).fold(own.unused, Duration::min);
            ((*id).clone(), Rank { value, unused, words: own.words.clone() })
        };
        let mut ranks: Vec<_> = worths.iter().map(rank).collect();
        let depth = |id: &EntryId| self.all.entries[id].needs.len();
        ranks.sort_by(|(a, x), (b, y)| {
            x.value.total_cmp(&y.value).then(depth(b).cmp(&depth(a))).then(a.cmp(b))
        });
        ranks
    }

    /// The bytes that go with an entry: those of entries that serve it, and of blobs that it alone needs.
    fn own_disk(&self, id: &EntryId) -> u64 {
        let entry = &self.all.entries[id];
        let alone = |other: &&EntryId| {
            matches!(other, EntryId::Blob(_))
                && !self.fixed.contains_key(*other)
                && self.needed_by[*other].iter().all(|needs| *needs == id)
        };
        let blobs = entry.needs.iter().filter(alone);
        let serving = self.served_by.get(id).into_iter().flatten().copied();
        let others = blobs.chain(serving).filter_map(|id| self.all.entries.get(id));
        entry.disk + others.map(|entry| entry.disk).sum::<u64>()
    }

    /// Removes an entry, unless another needs it, together with the entries that serve it alone and those that it alone
    /// needs.
    fn remove_unit(&mut self, id: &EntryId, reason: &str) {
        if self.gone.contains(id) || self.fixed.contains_key(id) || self.is_there(self.needed_by.get(id)) {
            return;
        }
        let mut unit = Vec::new();
        self.remove(id, reason, &mut unit);
        self.plan.units.push(unit);
    }

    fn remove(&mut self, id: &EntryId, reason: &str, unit: &mut Vec<EntryId>) {
        let Some(entry) = self.all.entries.get(id) else { return };
        if self.fixed.contains_key(id) || !self.gone.insert(id.clone()) {
            return;
        }
        self.plan.disk -= entry.disk;
        self.plan.reasons.insert(id.clone(), reason.to_owned());
        let gone = |planner: &Self, ids: &[EntryId]| {
            ids.iter().all(|id| planner.gone.contains(id) || !planner.all.entries.contains_key(id))
        };
        for serving in self.served_by.get(id).cloned().unwrap_or_default() {
            if gone(self, self.all.entries[serving].serves.as_deref().unwrap_or_default()) {
                self.remove(serving, &format!("goes with {} {}", id.words().0, id.words().1), unit);
            }
        }
        unit.push(id.clone());
        for needed in entry.needs.iter().filter(|needed| matches!(needed, EntryId::Blob(_))) {
            if !self.is_there(self.needed_by.get(needed)) {
                self.remove(needed, reason, unit);
            }
        }
    }

    fn reason(&mut self, id: &EntryId, reason: &str) {
        if !self.gone.contains(id) {
            self.plan.reasons.insert(id.clone(), reason.to_owned());
        }
    }

    /// Adds the reasons of the entries that stay.
    fn finish(mut self) -> Plan {
        let kept: Vec<_> = self.all.entries.keys().filter(|id| !self.gone.contains(id)).collect();
        for id in kept {
            let entry = &self.all.entries[id];
            let stands = |ids: Option<&Vec<&'a EntryId>>| {
                ids.into_iter()
                    .flatten()
                    .find(|other| !self.gone.contains(**other))
                    .map(|other| other.words())
            };
            let served = entry.serves.iter().flatten().find(|id| self.all.entries.contains_key(id));
            let reason = match self.fixed.get(id) {
                Some(reason) => reason.clone(),
                None if self.plan.reasons.contains_key(id) => continue,
                None => match (stands(self.needed_by.get(id)), served.map(EntryId::words)) {
                    (Some((kind, name)), _) => format!("needed by {kind} {name}"),
                    (None, Some((kind, name))) => format!("tells of {kind} {name}"),
                    (None, None) => "of use".to_owned(),
                },
            };
            self.plan.reasons.insert(id.clone(), reason);
        }
        self.plan
    }
}

#[cfg(test)]
mod tests;
