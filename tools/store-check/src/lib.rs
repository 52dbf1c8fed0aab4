//! Reads all of a store, and reports the entries that are not as they were written, the images that use them, and how
//! they heal.
//!
//! It moves and changes nothing unless `repair` is set, but it notes the digests of trees for the next check.

use libcli::{Failure, sanitise};
use libstore::{EntryId, Fault, Inventory, Store};
use libwire::record::Layer;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The numbers of entries that were checked, are damaged, and were repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Entries that were checked.
    pub checked: usize,
    /// Entries that are still damaged.
    pub damaged: usize,
    /// Entries that were put aside or written anew.
    pub repaired: usize,
}

/// A line of the report.
struct Finding {
    state: &'static str,
    kind: &'static str,
    name: String,
    what: String,
    images: Vec<String>,
    heals: String,
}

/// Checks all of `store`, and writes a line for each entry with a fault to `out`. With `repair`, damaged entries are
/// put aside, so that the next build makes them again, and index.json is written anew if it can't be read.
pub fn check(store: &Store, repair: bool, out: &mut impl Write) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    // With it, a damaged entry is neither removed by others nor used before it is put aside.
    let mut collector = if repair { Some(store.collector()?) } else { None };
    let mut all = store.files()?;
    for (name, fault) in store.top_faults() {
        let rebuilt = repair && name == "index.json" && store.rebuild_index(&store.unnamed_images(&all))?;
        top(&name, fault, rebuilt, &mut outcome).write(out)?;
    }
    if let Ok(whole) = store.inventory() {
        all = whole;
    }
    let layers = store.layers_by_chain();
    let used = match &mut collector {
        Some(collector) => {
            let used = collector.used()?.iter().cloned().map(EntryId::from).collect::<Vec<_>>();
            all.closure(used)
        }
        None => BTreeSet::new(),
    };
    let faults = faults(store, &all, &layers)?;
    outcome.checked = all.entries.len();
    for (id, fault) in faults {
        let (what, is_damaged) = match fault {
            Fault::Damaged(what) => (what, true),
            Fault::Stale(what) => (what, false),
        };
        let in_use = matches!(id, EntryId::Snapshot(_)) && used.contains(&id);
        let (kind, name) = id.words();
        let images = images(&all, &layers, &id);
        let mut heals = heals(&all, &id, &images);
        let state = match (is_damaged, repair, in_use) {
            (false, ..) => "stale",
            (true, true, false) => {
                store.put_aside(&id);
                outcome.repaired += 1;
                "repaired"
            }
            (true, _, in_use) => {
                if in_use {
                    heals = "it is in use; repair it when the builds that run have ended".into();
                }
                outcome.damaged += 1;
                "damaged"
            }
        };
        Finding { state, kind, name, what, images, heals }.write(out)?;
    }
    Ok(outcome)
}

fn top(name: &str, fault: Fault, rebuilt: bool, outcome: &mut Outcome) -> Finding {
    let (state, what) = match fault {
        Fault::Stale(what) => ("stale", what),
        Fault::Damaged(what) if rebuilt => {
            outcome.repaired += 1;
            ("repaired", what)
        }
        Fault::Damaged(what) => {
            outcome.damaged += 1;
            ("damaged", what)
        }
    };
    let heals = match name {
        "index.json" => "it is written anew from what is there, with the names that are known",
        _ => "write it as it should be",
    };
    Finding { state, kind: "file", name: name.into(), what, images: Vec::new(), heals: heals.into() }
}

impl Finding {
    fn write(&self, out: &mut impl Write) -> Result<(), Failure> {
        let Self { state, kind, name, what, images, heals } = self;
        let images = if images.is_empty() { "-".to_owned() } else { images.join(",") };
        let (name, what) = (sanitise(name), sanitise(what));
        Ok(writeln!(out, "{state}\t{kind}\t{name}\t{what}\t{images}\t{heals}")?)
    }
}

/// Looks for the fault of each entry, with several threads.
fn faults(
    store: &Store,
    all: &Inventory,
    layers: &BTreeMap<String, Layer>,
) -> Result<BTreeMap<EntryId, Fault>, Failure> {
    let ids: Vec<_> = all.entries.keys().collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(&id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(fault) = store.fault(id, layers)? {
                found.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), fault);
            }
        }
        Ok::<_, Failure>(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checked: Result<(), Failure> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let died = || Err(Failure::failed("", "a thread ended early"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| died())).chain([own]).collect()
    });
    checked.map(|()| found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The names of the images that need an entry.
fn images(all: &Inventory, layers: &BTreeMap<String, Layer>, id: &EntryId) -> Vec<String> {
    let mut touched: BTreeSet<EntryId> = BTreeSet::from([id.clone()]);
    if let (EntryId::Snapshot(name), Some(entry)) = (id, all.entries.get(id)) {
        let chain = name.get(name.len().saturating_sub(64)..);
        let layer = chain.and_then(|chain| layers.get(chain));
        touched.extend(layer.map(|layer| EntryId::Blob(layer.descriptor.digest)));
        touched.extend(entry.needs.iter().filter(|id| matches!(id, EntryId::Blob(_))).cloned());
    }
    let named = all.named.iter().filter(|(_, image)| !all.closure([image.clone()]).is_disjoint(&touched));
    named.map(|(name, _)| name.familiar()).collect()
}

/// How a damaged entry heals, once it is put aside.
fn heals(all: &Inventory, id: &EntryId, images: &[String]) -> String {
    let entry = all.entries.get(id);
    let is_packed = || {
        let packs = |(of, entry): (&EntryId, &libstore::Entry)| {
            matches!(of, EntryId::Snapshot(_)) && !entry.unpacked && entry.needs.contains(id)
        };
        all.entries.iter().any(packs)
    };
    let heals = match id {
        EntryId::Blob(_) if is_packed() => "the next build packs it again",
        EntryId::Blob(_) if images.is_empty() => "nothing has to be done: no image with a name needs it",
        EntryId::Blob(_) => return format!("build, load or pull {} again", images.join(" and ")),
        EntryId::Snapshot(_) if entry.is_some_and(|entry| entry.unpacked) => "its layer is unpacked again",
        EntryId::Snapshot(_) => "the next build runs the step again",
        EntryId::Record(_) => "the next build makes the step again, or looks it up again",
        EntryId::Remote(_) => "the registry is asked again",
        EntryId::Failure(_) => "nothing has to be done: it can't be entered any more",
        _ => "nothing has to be done: less is known",
    };
    heals.to_owned()
}
