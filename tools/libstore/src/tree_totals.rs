//! The size of a tree.

use libtree::totals::{Totals, totals};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The size of a snapshot's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeTotals {
    /// The number of names below its root.
    pub names: u64,
    /// Bytes of the regular files among them.
    pub bytes: u64,
    /// Its bytes on the disk; `None` for older snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
}

pub(crate) fn measure(tree: &Path) -> std::io::Result<TreeTotals> {
    let Totals { names, bytes, disk } = totals(File::open(tree)?, true)?;
    Ok(TreeTotals { names, bytes, disk: Some(disk) })
}

/// The bytes of a file or tree on the disk, as du(1) counts; 0 if it does not exist.
pub(crate) fn disk_of(path: &Path) -> std::io::Result<u64> {
    let disk = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => {
            File::open(path).and_then(|dir| totals(dir, true)).map(|found| found.disk)
        }
        found => found.map(|meta| meta.blocks() * 512),
    };
    match disk {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        disk => disk,
    }
}

/// The difference of `tree` from the tree that was `made`.
pub(crate) fn difference(made: TreeTotals, tree: File, sizes: bool) -> std::io::Result<Option<String>> {
    let found = totals(tree, sizes)?;
    Ok(if found.names != made.names {
        Some(format!("it has {} names where {} were made", found.names, made.names))
    } else if sizes && found.bytes != made.bytes {
        Some(format!("its files have {} bytes where {} were written", found.bytes, made.bytes))
    } else {
        None
    })
}
