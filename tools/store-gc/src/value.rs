//! What an entry is worth: the time that it takes to make it again, for each byte.

use libstore::{Entry, EntryId};
use std::time::{Duration, SystemTime};

/// What each entry costs to make, however quick that is.
const LEAST: f64 = 0.2;
/// After so many seconds without a use it is worth half.
const HALF: f64 = 7.0 * 86_400.0;
/// Bytes a second in which layers are unpacked.
const UNPACKED: f64 = 100e6;
/// Bytes a second that come over a network: what a registry gave, and what a RUN keeps in a cache mount.
const FETCHED: f64 = 10e6;

/// What an entry is worth.
#[derive(Clone, Debug)]
pub struct Worth {
    /// Seconds for a byte; what nobody would make again is worth less than nothing.
    pub value: f64,
    /// How long it was not used.
    pub unused: Duration,
    /// What it is, when it was used, and how long it takes to make.
    pub words: String,
}

/// What an entry is worth that takes `disk` bytes, with what `serves` it.
pub fn worth<'a>(
    id: &EntryId,
    entry: &Entry,
    serves: impl Iterator<Item = &'a Entry>,
    disk: u64,
    now: SystemTime,
) -> Worth {
    let (mut took, mut made_by, mut used) = (entry.took, entry.made_by.clone(), entry.used);
    for record in serves {
        // Of several names for one result the dearest counts.
        took = took.max(record.took);
        made_by = made_by.or_else(|| record.made_by.clone());
        used = used.max(if matches!(id, EntryId::Snapshot(_)) { entry.used } else { record.used });
    }
    // A time in the future is a clock that was set back.
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
