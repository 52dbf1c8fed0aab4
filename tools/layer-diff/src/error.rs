//! Why a difference can't be told.

use std::io;

/// Why a difference can't be told.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A tree can't be read, or the output can't be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A name that an OCI layer can't hold, since it would delete something instead.
    #[error("{0:?} can't be stored in a layer: names that begin with .wh. mean deletions there; rename it")]
    WhiteoutName(String),
    /// A path that no stream can carry.
    #[error(transparent)]
    Path(#[from] libwire::path::BadPath),
    /// The tree's own path is not UTF-8.
    #[error(
        "the path {0:?} of the tree is not UTF-8, which a layer-changes header can't carry; move the store"
    )]
    Root(String),
}
