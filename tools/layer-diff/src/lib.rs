//! Describes the changes of a step: reads a snapshot's overlay upper directory, or two images or whole trees, and
//! writes layer-changes(5).
//!
//! The cost depends on the change, not on the tree. File contents are read only to compare a file that looks
//! unchanged with the one below it. It never writes to a tree and makes no archive.

mod compare;
mod error;
mod images;
mod pending;
mod steps;
mod touched;
mod upper;

pub use error::DiffError;
pub use images::diff_images;
pub use steps::{Steps, close, diff_steps};
pub use upper::{Trees, diff};

use libwire::changes::LayerChanges;
use libwire::{Packing, Writer, stream};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Writes one complete layer-changes stream for `trees`.
///
/// The header has `root`, the absolute path at which a reader finds the files' bytes, `snapshot`, the id of their
/// snapshot, and `packing`, if that is known.
pub fn write_stream<W: Write>(
    trees: &Trees,
    root: &Path,
    snapshot: Option<&str>,
    packing: Option<Packing>,
    out: W,
) -> Result<W, DiffError> {
    let mut writer = begin(root, snapshot, packing, out)?;
    diff(trees, &mut |change| writer.write(&change).map_err(DiffError::Output))?;
    writer.finish().map_err(DiffError::Output)
}

/// Writes a stream's header.
fn begin<W: Write>(
    root: &Path,
    snapshot: Option<&str>,
    packing: Option<Packing>,
    out: W,
) -> Result<Writer<W, LayerChanges>, DiffError> {
    let root = root.to_str().ok_or_else(|| DiffError::Root(root.display().to_string()))?;
    let mut extra = BTreeMap::from([("root".to_owned(), Value::from(root))]);
    if let Some(id) = snapshot {
        extra.insert("snapshot".to_owned(), Value::from(id));
    }
    if let Some(packing) = packing {
        packing.tell(&mut extra);
    }
    // The store remembers only layers of snapshots.
    match snapshot {
        Some(_) => stream::Writer::digesting(out, extra),
        None => stream::Writer::new(out, extra),
    }
    .map_err(DiffError::Output)
}
