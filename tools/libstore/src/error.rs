//! The errors of a store, and their exit statuses.

use libcli::Failure;
use std::io;
use std::path::Path;

/// The reason why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A system call failed.
    #[error("{what}: {source}")]
    Io {
        /// The operation and its object.
        what: String,
        /// The system's error.
        source: io::Error,
    },
    /// The directory is no store, or one of a version this suite does not know.
    #[error("{path} {why}")]
    NotAStore {
        /// The directory.
        path: String,
        /// The error.
        why: String,
    },
    /// Another process has held a lock for too long (exit 75).
    #[error("{what} is locked by {holder}; wait for it to end, or raise the lock timeout")]
    Locked {
        /// The object of the lock.
        what: String,
        /// The process id and command of the holder, as far as known.
        holder: String,
    },
    /// A requested entry is not there.
    #[error("{what} is not in the store{hint}")]
    Missing {
        /// The requested entry.
        what: String,
        /// The remedy, with its separator; may be empty.
        hint: String,
    },
    /// The store's own content is damaged.
    #[error("{what} is damaged: {why}")]
    Corrupt {
        /// The damaged entry.
        what: String,
        /// The sign of the damage.
        why: String,
    },
    /// An image given to the store is invalid (exit 3).
    #[error("{place}: {what}")]
    Invalid {
        /// The part: `layer sha256:…`, `manifest`, `index.json`.
        place: String,
        /// The error in it.
        what: String,
    },
}

impl StoreError {
    /// Adds the operation to a system error.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// An error in an input.
    pub fn invalid(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), what: what.into() }
    }

    /// Something that is not in the store.
    pub fn missing(what: impl Into<String>) -> Self {
        Self::Missing { what: what.into(), hint: String::new() }
    }

    pub(crate) fn corrupt(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), why: why.into() }
    }
}

/// Adds the place and the remedy to an error of a write to the store at `path`, if there was no room.
pub(crate) fn no_room(error: io::Error, path: &Path) -> io::Error {
    let path = path.display();
    let what = match error.kind() {
        io::ErrorKind::StorageFull => {
            format!(
                "the file system of the store {path} is full; free some of it, or name a store elsewhere (--store)"
            )
        }
        io::ErrorKind::QuotaExceeded => {
            format!(
                "the quota for the store {path} is used up; free some of it, or name a store elsewhere (--store)"
            )
        }
        io::ErrorKind::FileTooLarge => {
            format!(
                "a file of the store {path} would be larger than the limit on files (ulimit -f); raise that"
            )
        }
        _ => return error,
    };
    io::Error::new(error.kind(), what)
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io { what, source } if source.kind() == io::ErrorKind::BrokenPipe => {
                let _ = what;
                Self::from(source)
            }
            StoreError::Locked { .. } => Self::try_again("store", error),
            StoreError::Invalid { place, what } => Self::bad_input(place, what),
            other => Self::failed("store", other),
        }
    }
}
