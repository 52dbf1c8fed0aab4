//! How much is in a tree.

use libtree::totals::{Totals, totals};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;

/// How much is in a snapshot's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeTotals {
    /// Names below its root.
    pub names: u64,
    /// Bytes of the regular files among them.
    pub bytes: u64,
}

pub(crate) fn measure(tree: &Path) -> std::io::Result<TreeTotals> {
    let Totals { names, bytes } = totals(File::open(tree)?, true)?;
    Ok(TreeTotals { names, bytes })
}

/// In which way `tree` is not what was `made`.
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
