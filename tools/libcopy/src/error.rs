//! Why a copy could not be made.

use libtree::extract::ExtractError;
use std::io;

/// The errors of a copy. Paths have invalid UTF-8 replaced, and sources a slash before them, as in BuildKit.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A source does not exist, or is ignored.
    #[error("{path:?}: not found{}", left_out(*ignored))]
    NotFound {
        /// The source.
        path: String,
        /// The line of the ignore file that excludes it.
        ignored: Option<usize>,
    },
    /// With `--parents`, a source that can only be found by following a link above it.
    #[error("{path:?}: not found: --parents follows no link; name {real} instead")]
    ThroughLink {
        /// The source.
        path: String,
        /// Its real path.
        real: String,
    },
    /// An invalid pattern.
    #[error("{0}")]
    Pattern(String),
    /// Another file is in the place of a directory or a file.
    #[error("{0}")]
    InTheWay(String),
    /// A source is an archive that is damaged or refused.
    #[error("archive {path:?}: {error}")]
    Archive {
        /// The source.
        path: String,
        /// The error in the archive.
        error: ExtractError,
    },
    /// A file cannot be copied.
    #[error("{path:?} {what}")]
    Refused {
        /// Its path.
        path: String,
        /// The reason.
        what: &'static str,
    },
    /// A source of the caller changed between reading and writing.
    #[error("{0:?} changed while it was copied; build again")]
    Changed(String),
    /// A system call failed.
    #[error("{path:?}: {error}")]
    Io {
        /// The path.
        path: String,
        /// The error of the system.
        error: io::Error,
    },
}

/// The error for a path that the system refuses.
const TOO_LONG: &str = "is too long: a path has at most 4096 bytes, and 255 in each part; give it shorter names, or leave it out";

impl CopyError {
    /// Adds the path to the error of a system call.
    pub(crate) fn io<E: Into<io::Error>>(path: &[u8]) -> impl FnOnce(E) -> Self {
        let path = shown(path);
        move |error| match error.into() {
            error if libtree::is_too_long(&error) => Self::Refused { path, what: TOO_LONG },
            error => Self::Io { path, error },
        }
    }

    pub(crate) fn not_found(path: &[u8], ignored: Option<usize>) -> Self {
        Self::NotFound { path: shown(path), ignored }
    }
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> Self {
        Self::Io { path: String::new(), error }
    }
}

fn left_out(ignored: Option<usize>) -> String {
    ignored.map_or_else(String::new, |line| format!("; line {line} of the ignore file excludes it"))
}

/// A path for a message.
pub(crate) fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    match text.starts_with('/') {
        true => text.into_owned(),
        false => format!("/{text}"),
    }
}
