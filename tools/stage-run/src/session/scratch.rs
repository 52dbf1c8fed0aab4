//! A directory for files that are read once: in the store's `tmp/`, or in TMPDIR when nothing may be written to the
//! store.

use crate::error::StepError;
use libstore::{NewSnapshot, Store};
use libtree::remove::Temporary;
use std::path::Path;

/// A directory that is empty at first, and removed when this is dropped.
pub enum Scratch {
    /// In the store, where it can become a snapshot.
    Store(Box<NewSnapshot>),
    /// In TMPDIR, for a dry run.
    Elsewhere(Temporary),
}

impl Scratch {
    /// Makes one in `store`, unless this is a dry run.
    pub fn new(store: &Store, dry_run: bool) -> Result<Self, StepError> {
        match dry_run {
            true => {
                let dir = tempfile::tempdir().map_err(StepError::io("a temporary directory"))?;
                Ok(Self::Elsewhere(Temporary::new(dir.keep())))
            }
            false => Ok(Self::Store(Box::new(store.new_snapshot(&[])?))),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Store(new) => new.upper(),
            Self::Elsewhere(dir) => dir.path(),
        }
    }
}
