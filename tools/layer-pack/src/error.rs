//! Why a layer cannot be packed.

use std::io;

/// Why a layer cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The stream is damaged or malformed.
    #[error(transparent)]
    Wire(#[from] libwire::WireError),
    /// A record is malformed.
    #[error("{at}: {what}")]
    Record {
        /// The place of the record.
        at: libwire::At,
        /// The error in it.
        what: String,
    },
    /// The header lacks a member that packing needs.
    #[error("{0}: the header has no absolute root, so the files can't be found")]
    NoRoot(libwire::At),
    /// The requested level is not one of the compression in the header.
    #[error("{0}")]
    Level(String),
    /// A file cannot be read, or does not match its record.
    #[error("{path}: {error}")]
    File {
        /// Its path in the layer.
        path: String,
        /// The error of the system.
        error: io::Error,
    },
    /// The layer is larger than its readers allow.
    #[error("with {path}, of {size} bytes, the layer unpacks to {what}")]
    TooMuch {
        /// The path at which the limit is exceeded.
        path: String,
        /// The size of its content in bytes.
        size: u64,
        /// The limit that is exceeded.
        what: String,
    },
    /// The store cannot store the layer.
    #[error(transparent)]
    Store(#[from] libstore::StoreError),
    /// The layer cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl PackError {
    /// Whether the reader of our output has gone.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the error is in the input (exit 3) and not in the machine (exit 1).
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Wire(libwire::WireError::Io(_))
            | Self::Level(_)
            | Self::File { .. }
            | Self::TooMuch { .. }
            | Self::Store(_)
            | Self::Io(_) => false,
            Self::Wire(_) | Self::Record { .. } | Self::NoRoot(_) => true,
        }
    }
}
