//! The worth of an entry: the time that it takes to make it again, for each byte.

use libstore::{Entry, EntryId};
use std::time::{Duration, SystemTime};

/// The least time that an entry is taken to cost, in seconds.
const LEAST: f64 = 0.2;
/// After this many seconds without a use an entry is worth half.
const HALF: f64 = 7.0 * 86_400.0;
/// The bytes of a layer that are unpacked in a second.
const UNPACKED: f64 = 100e6;
/// The bytes that come over a network in a second: from a registry, or into a cache mount.
const FETCHED: f64 = 10e6;

/// The worth of an entry.
#[derive(Clone, Debug)]
pub struct Worth {
    /// Seconds for a byte; negative for an entry that nobody would make again.
    pub value: f64,
    /// The time since it was used.
    pub unused: Duration,
    /// For people: its kind, when it was used, and how long it takes to make.
    pub words: String,
}

/// The worth of an entry that takes `disk` bytes with the entries that serve it.
pub fn worth<'a>(
    id: &EntryId,
    entry: &Entry,
    serves: impl Iterator<Item = &'a Entry>,
    disk: u64,
    now: SystemTime,
) -> Worth {
    let (mut took, mut made_by, mut used) = (entry.took, entry.made_by.clone(), entry.used);
    for record in serves {
        // If a result has several records, the dearest counts.
        took = took.max(record.took);
        made_by = made_by.or_else(|| record.made_by.clone());
        used = used.max(if matches!(id, EntryId::Snapshot(_)) { entry.used } else { record.used });
    }
    // If the time is in the future, the clock was set back.
    let unused = now.duration_since(used).unwrap_or_default();
    let bytes = disk as f64;
    let redo = match id {
        EntryId::Failure(_) | EntryId::Quarantine(_) => None,
        EntryId::Remote(_) | EntryId::CacheMount(_) => Some(bytes / FETCHED),
        EntryId::Snapshot(_) if entry.unpacked => Some(bytes / UNPACKED),
        _ => Some(took.unwrap_or_default().as_secs_f64()),
    };
    let value = match redo {
        Some(redo) => (redo + LEAST) / bytes.max(1.0) * 0.5f64.powf(unused.as_secs_f64() / HALF),
        None => -1.0,
    };
    let what = match (made_by, id) {
        (Some(made_by), _) => made_by,
        (None, EntryId::Snapshot(_)) if entry.unpacked => "an unpacked layer".to_owned(),
        (None, EntryId::Snapshot(_)) => "a fetched source".to_owned(),
        (None, EntryId::CacheMount(_)) => "a cache mount".to_owned(),
        (None, EntryId::Failure(_)) => "a failed step's tree".to_owned(),
        (None, EntryId::Image(_)) => "an image without a name".to_owned(),
        (None, EntryId::Context(_)) => "a context that was read".to_owned(),
        (None, EntryId::Quarantine(_)) => "damaged".to_owned(),
        (None, _) => "a content's digest".to_owned(),
    };
    let redo = redo.map(|redo| format!(", {} to make again", said(redo))).unwrap_or_default();
    Worth { value, unused, words: format!("{what}; last used {} ago{redo}", said(unused.as_secs_f64())) }
}

/// A time span, in its largest unit.
fn said(seconds: f64) -> String {
    match seconds {
        s if s >= 2.0 * 86_400.0 => format!("{:.0} d", s / 86_400.0),
        s if s >= 2.0 * 3600.0 => format!("{:.0} h", s / 3600.0),
        s if s >= 120.0 => format!("{:.0} min", s / 60.0),
        s if s >= 10.0 => format!("{s:.0} s"),
        s => format!("{s:.1} s"),
    }
}
