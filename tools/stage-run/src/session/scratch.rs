//! A directory for what is read once: in the store's `tmp/`, or elsewhere when nothing may be written there.

use crate::error::StepError;
use crate::session::Session;
use libstore::NewSnapshot;
use libtree::remove::Temporary;
use std::path::Path;

/// An empty directory, gone when it is dropped.
pub enum Scratch {
    /// Of the store.
    Store(Box<NewSnapshot>),
    /// In TMPDIR, for a dry run.
    Elsewhere(Temporary),
}

impl Scratch {
    /// Makes one.
    pub fn new(session: &Session) -> Result<Self, StepError> {
        match session.options.dry_run {
            true => {
                let dir = tempfile::tempdir().map_err(StepError::io("a temporary directory"))?;
                Ok(Self::Elsewhere(Temporary::new(dir.keep())))
            }
            false => Ok(Self::Store(Box::new(session.store.new_snapshot(&[])?))),
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
