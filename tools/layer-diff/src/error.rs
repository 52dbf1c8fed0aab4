//! Why a difference cannot be described.

use std::io;

/// Why a difference cannot be described.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A tree can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A path in the tree cannot be read.
    #[error("{path}: {error}")]
    At {
        /// The path, with invalid UTF-8 replaced.
        path: String,
        /// The error of the system.
        error: io::Error,
    },
    /// It is too long for a layer, and for the system.
    #[error(
        "{0:?} is too long: a path has at most 4096 bytes, and 255 in each part; remove it in the step that makes it, or give it shorter names"
    )]
    TooLong(String),
    /// The changes can't be written.
    #[error(transparent)]
    Output(io::Error),
    /// The records are wrong or incomplete.
    #[error(transparent)]
    Wire(#[from] libwire::WireError),
    /// The store lacks a snapshot, or can't be read.
    #[error(transparent)]
    Store(#[from] libstore::StoreError),
    /// The layers can't be merged.
    #[error(transparent)]
    Sandbox(#[from] libsandbox::SandboxError),
    /// An image does not have that many layers.
    #[error("{image}@{number}: there is no layer {number}; it has {layers}, numbered from 1")]
    NoLayer {
        /// The image, as the user named it.
        image: String,
        /// The layer that was asked for.
        number: usize,
        /// How many it has.
        layers: usize,
    },
    /// A step's changes cannot be described.
    #[error("{place}: {error}")]
    Step {
        /// The instruction: `Dockerfile:7`.
        place: String,
        /// The reason.
        error: Box<DiffError>,
    },
    /// A name that an OCI layer cannot contain, because it would delete another file.
    #[error("{0:?} can't be stored in a layer: names that begin with .wh. mean deletions there; rename it")]
    WhiteoutName(String),
    /// A path that a stream cannot contain.
    #[error(transparent)]
    Path(#[from] libwire::path::BadPath),
    /// The tree's own path is not UTF-8.
    #[error(
        "the path {0:?} of the tree is not UTF-8, which a layer-changes header can't carry; move the store"
    )]
    Root(String),
}

impl DiffError {
    /// Adds the instruction that made the changes.
    pub(crate) fn of(self, step: &libwire::record::Step) -> Self {
        Self::Step { place: format!("{}:{}", step.dockerfile, step.line), error: Box::new(self) }
    }

    /// Adds the path, if it is not known yet.
    pub(crate) fn at(self, path: &[u8]) -> Self {
        match self {
            Self::Io(error) => {
                let path = String::from_utf8_lossy(path).into_owned();
                match libtree::is_too_long(&error) {
                    true => Self::TooLong(path),
                    false => Self::At { path, error },
                }
            }
            other => other,
        }
    }

    /// Whether the error is in the input (exit 3) and not in the machine (exit 1).
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Wire(libwire::WireError::Io(_)) => false,
            Self::Wire(_) | Self::TooLong(_) => true,
            Self::Step { error, .. } => error.is_bad_input(),
            _ => false,
        }
    }

    /// Whether the reader of our output has gone.
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Step { error, .. } => error.is_closed_pipe(),
            _ => false,
        }
    }
}
