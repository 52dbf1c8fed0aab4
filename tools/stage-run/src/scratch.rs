//! A directory for what is read once: in the store's `tmp/`, or in memory when nothing may be written there.

use crate::error::StepError;
use crate::session::Session;
use libstore::NewSnapshot;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// An empty directory, gone when it is dropped.
pub enum Scratch {
    /// Of the store.
    Store(NewSnapshot),
    /// A mount of its own.
    Memory(OwnedFd),
}

impl Scratch {
    /// Makes one.
    pub fn new(session: &Session) -> Result<Self, StepError> {
        match session.options.dry_run {
            true => Ok(Self::Memory(libsandbox::mount_memory()?)),
            false => Ok(Self::Store(session.store.new_snapshot(&[])?)),
        }
    }

    /// Its path, for other processes too.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Store(new) => new.upper().to_owned(),
            Self::Memory(root) => {
                PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), root.as_raw_fd()))
            }
        }
    }
}
