//! Why a copy could not be made.

use libtree::extract::ExtractError;
use std::io;

/// What went wrong. Paths are shown lossily, sources with a slash before them, as BuildKit does.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A source is not there, or is ignored.
    #[error("{path:?}: not found{}", left_out(*ignored))]
    NotFound {
        /// The source.
        path: String,
        /// The line of the ignore file that leaves it out.
        ignored: Option<usize>,
    },
    /// With `--parents`, a source that is only found by following a link above it.
    #[error("{path:?}: not found: --parents follows no link; name {real} instead")]
    ThroughLink {
        /// The source.
        path: String,
        /// Where it is.
        real: String,
    },
    /// A pattern can't be one.
    #[error("{0}")]
    Pattern(String),
    /// Something stands where a directory or a file has to go.
    #[error("{0}")]
    InTheWay(String),
    /// A source is an archive that is damaged or refused.
    #[error("archive {path:?}: {error}")]
    Archive {
        /// The source.
        path: String,
        /// What is wrong.
        error: ExtractError,
    },
    /// Something can't be copied.
    #[error("{path:?} {what}")]
    Refused {
        /// Which.
        path: String,
        /// Why.
        what: &'static str,
    },
    /// A source of the caller's changed between the reading and the writing.
    #[error("{0:?} changed while it was copied; build again")]
    Changed(String),
    /// A system call failed.
    #[error("{path:?}: {error}")]
    Io {
        /// On which path.
        path: String,
        /// How.
        error: io::Error,
    },
}

/// What is wrong with a path that the system refuses.
const TOO_LONG: &str = "is too long: a path has at most 4096 bytes, and 255 in each part; give it shorter names, or leave it out";

impl CopyError {
    /// Names the path a system call failed on.
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
    ignored.map_or_else(String::new, |line| format!("; line {line} of the ignore file leaves it out"))
}

/// A path for a message.
pub(crate) fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    match text.starts_with('/') {
        true => text.into_owned(),
        false => format!("/{text}"),
    }
}
