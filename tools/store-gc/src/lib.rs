//! Removes the least useful entries of a store until it is small enough, while builds go on.
//!
//! It never removes an entry that an image with a name needs or a tool uses, and never moves or changes an entry that
//! stays.

mod limits;
mod plan;
mod value;
mod whole;

pub use limits::{Free, Limits, free, span};
pub use plan::{Plan, Wanted, plan};
pub use whole::remove_store;

use libcli::{Failure, human, sanitise};
use libstore::{Collector, EntryId, Inventory, Store};
use libwire::Digest;
use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

/// The most rounds of removal. After each, the store is measured again, because entries that came into use meanwhile
/// have stayed.
const ROUNDS: usize = 3;
/// The entries that are removed between two looks at the clock.
const SOME: usize = 200;

/// The limits of a run, and what it prints.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The size that the store may have.
    pub limits: Limits,
    /// An image that stays, even without a name.
    pub keep_image: Option<Digest>,
    /// Remove nothing.
    pub dry_run: bool,
    /// Report only the entries whose name begins so, and remove nothing.
    pub why: Option<String>,
    /// Begin no further removal after this time.
    pub within: Option<Duration>,
    /// Report no entry.
    pub quiet: bool,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// The number of entries that were removed.
    pub removed: usize,
    /// The bytes that the store took before, and takes now.
    pub disk: (u64, u64),
    /// The bytes that it may take.
    pub target: u64,
}

/// Removes entries of `store` as `options` ask, and writes a line for each entry to `out`: whether it was removed, its
/// kind, name and bytes, and why. Fails if the store is still too large afterwards, or would be in a dry run.
pub fn collect(store: &Store, options: &Options, out: &mut impl Write) -> Result<Outcome, Failure> {
    let until = options.within.map(|within| Instant::now() + within);
    let dry = options.dry_run || options.why.is_some();
    let mut collector = store.collector()?;
    let mut outcome = Outcome::default();
    for round in 0..ROUNDS {
        let used = used(&mut collector, options)?;
        let all = store.inventory()?;
        check_named(store, &all)?;
        let target = target(store, &options.limits, all.disk())?;
        if round == 0 {
            outcome = Outcome { removed: 0, disk: (all.disk(), all.disk()), target };
        }
        outcome.disk.1 = all.disk();
        let decided =
            plan(&all, &used, Wanted { target, keep_for: options.limits.keep_for, now: SystemTime::now() });
        if dry {
            if !all.entries.keys().any(|id| is_asked(id, options)) && !options.quiet {
                let why = options.why.as_deref().unwrap_or_default();
                return Err(Failure::failed(
                    why,
                    "there is no entry whose name begins so; store-gc -n lists all entries",
                ));
            }
            tell(&all, &decided, None, options, out)?;
            outcome.disk.1 = decided.disk;
            outcome.removed = decided.units.iter().map(Vec::len).sum();
            break;
        }
        let mut gone = BTreeSet::new();
        for entries in some(&decided.units) {
            if until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            gone.extend(collector.remove(&all, &entries)?);
        }
        outcome.removed += gone.len();
        outcome.disk.1 -= gone.iter().map(|id| all.entries[id].disk).sum::<u64>();
        let is_done = outcome.disk.1 <= target || gone.is_empty();
        if is_done || round + 1 == ROUNDS {
            tell(&all, &decided, Some(&gone), options, out)?;
            break;
        }
        tell_gone(&all, &decided, &gone, options, out)?;
    }
    // A question about some entries has no verdict on the store.
    let is_judged = options.why.is_none() && until.is_none_or(|until| Instant::now() < until);
    match outcome.disk.1 > outcome.target && is_judged {
        true => Err(too_large(store, &outcome, &mut collector, options)?),
        false => Ok(outcome),
    }
}

/// The entries in use, and the image that is to stay.
fn used(collector: &mut Collector, options: &Options) -> Result<BTreeSet<EntryId>, Failure> {
    let held = collector.used()?.iter().cloned().map(EntryId::from);
    Ok(held.chain(options.keep_image.map(EntryId::Image)).collect())
}

/// Joins units until there are enough entries for a look at the clock.
fn some(units: &[Vec<EntryId>]) -> Vec<Vec<EntryId>> {
    let mut all: Vec<Vec<EntryId>> = Vec::new();
    for unit in units {
        match all.last_mut().filter(|last| last.len() < SOME) {
            Some(last) => last.extend(unit.iter().cloned()),
            None => all.push(unit.clone()),
        }
    }
    all
}

/// Fails if the manifest of an image with a name can't be read: its layers would be removed.
fn check_named(store: &Store, all: &Inventory) -> Result<(), Failure> {
    for named in store.images()?.into_iter().filter(|named| named.reference.is_some()) {
        let id = EntryId::Blob(named.descriptor.digest);
        if all.entries.get(&id).is_none_or(|entry| entry.needs.is_empty()) {
            let name = named.reference.map(|name| name.familiar()).unwrap_or_default();
            let what = format!("{name}: the manifest {} is damaged or missing", named.descriptor.digest);
            return Err(Failure::failed("store", what + "; store-check says how to heal it"));
        }
    }
    Ok(())
}

fn target(store: &Store, limits: &Limits, disk: u64) -> Result<u64, Failure> {
    let found = rustix::fs::statvfs(store.path()).map_err(|error| Failure::failed("store", error))?;
    Ok(limits.target(disk, found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize))
}

/// Writes a line for each entry. Without `gone`, the lines say what would be removed.
fn tell(
    all: &Inventory,
    plan: &Plan,
    gone: Option<&BTreeSet<EntryId>>,
    options: &Options,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let planned: BTreeSet<_> = plan.units.iter().flatten().cloned().collect();
    tell_gone(all, plan, gone.unwrap_or(&planned), options, out)?;
    let kept = all.entries.keys().filter(|id| !gone.unwrap_or(&planned).contains(id));
    kept.filter(|id| is_asked(id, options)).try_for_each(|id| {
        // It was to be removed, but came into use, or time was up.
        let why = if planned.contains(id) { "in use, or left for the next time" } else { reason(plan, id) };
        line("kept", id, all, why, out)
    })
}

fn tell_gone(
    all: &Inventory,
    plan: &Plan,
    gone: &BTreeSet<EntryId>,
    options: &Options,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let gone = plan.units.iter().flatten().filter(|id| gone.contains(id) && is_asked(id, options));
    gone.into_iter().try_for_each(|id| line("removed", id, all, reason(plan, id), out))
}

fn reason<'a>(plan: &'a Plan, id: &EntryId) -> &'a str {
    plan.reasons.get(id).map_or("", String::as_str)
}

fn is_asked(id: &EntryId, options: &Options) -> bool {
    let name = id.words().1;
    let name = name.strip_prefix("sha256:").unwrap_or(&name);
    match &options.why {
        Some(why) => name.starts_with(why.strip_prefix("sha256:").unwrap_or(why)),
        None => !options.quiet,
    }
}

fn line(state: &str, id: &EntryId, all: &Inventory, why: &str, out: &mut impl Write) -> Result<(), Failure> {
    let (kind, name) = id.words();
    let disk = all.entries[id].disk;
    Ok(writeln!(out, "{state}\t{kind}\t{}\t{disk}\t{}", sanitise(&name), sanitise(why))?)
}

/// The failure that says why the store is still too large.
fn too_large(
    store: &Store,
    outcome: &Outcome,
    collector: &mut Collector,
    options: &Options,
) -> Result<Failure, Failure> {
    let all = store.inventory()?;
    let size = |ids: &BTreeSet<EntryId>| -> u64 {
        ids.iter().filter_map(|id| all.entries.get(id)).map(|entry| entry.disk).sum()
    };
    let mut images: Vec<_> = Vec::new();
    for (name, id) in &all.named {
        images.push((size(&all.closure([id.clone()])), name.familiar()));
    }
    images.sort_by(|a, b| b.cmp(a));
    let named = size(&all.closure(all.named.iter().map(|(_, id)| id.clone())));
    let used = size(&all.closure(collector.used()?.iter().cloned().map(EntryId::from)));
    // An image with a name has no such entry.
    let without_name = size(&all.closure(options.keep_image.map(EntryId::Image)));
    let shown: Vec<_> =
        images.iter().take(5).map(|(size, name)| format!("{name} {}", human(*size))).collect();
    let more = if images.len() > 5 { format!(" and {} more", images.len() - 5) } else { String::new() };
    let mut what =
        format!("it takes {}, which is more than {}", human(outcome.disk.1), human(outcome.target));
    if !shown.is_empty() {
        what += &format!("; its images with names take {}: {}{more}", human(named), shown.join(", "));
    }
    if used > 0 {
        what += &format!("; what is in use now takes {}", human(used));
    }
    if without_name > 0 {
        what += &format!("; the image to keep, which has no name, takes {}", human(without_name));
    }
    Ok(Failure::failed("store", what + "; take names away with image-tag --delete, or allow more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_put_together_and_not_cut() {
        let unit = |n: usize| vec![EntryId::Log("x".into()); n];
        let sizes = |units: &[Vec<EntryId>]| some(units).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[unit(150), unit(100), unit(3)]), [250, 3]);
        assert_eq!(sizes(&[]), [0; 0]);
    }
}
