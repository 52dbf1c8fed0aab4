//! Why a layer can't be packed.

use std::io;

/// Why a layer can't be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The stream is not what it should be.
    #[error(transparent)]
    Wire(#[from] libwire::WireError),
    /// A record is.
    #[error("{at}: {what}")]
    Record {
        /// Where it is.
        at: libwire::At,
        /// What is wrong with it.
        what: String,
    },
    /// The header lacks what packing needs.
    #[error("{0}: the header has no absolute root, so the files can't be found")]
    NoRoot(libwire::At),
    /// The level that is asked for is not one of the compression that the header says.
    #[error("{0}")]
    Level(String),
    /// A file can't be read, or is not what its record says.
    #[error("{path}: {error}")]
    File {
        /// Its path in the layer.
        path: String,
        /// What failed.
        error: io::Error,
    },
    /// The layer is larger than its readers allow.
    #[error("with {path}, of {size} bytes, the layer unpacks to {what}")]
    TooMuch {
        /// The path that is too much.
        path: String,
        /// Bytes of its content.
        size: u64,
        /// Which limit it is beyond.
        what: String,
    },
    /// The store can't take the layer.
    #[error(transparent)]
    Store(#[from] libstore::StoreError),
    /// The layer can't be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl PackError {
    /// Whether the reader of our output has gone.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the input is at fault (exit 3) rather than the machine (exit 1).
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
