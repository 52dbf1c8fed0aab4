//! Why something could not be fetched.

use libcli::{Exit, Failure};
use libwire::remote::redact;
use std::io;

/// The words about a server that does not speak TLS.
pub(crate) const NO_TLS: &str = "it does not speak TLS; is it http?";

/// Why a fetch failed. A URL in it has lost its user, password and query, which may be secrets.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The source can't be fetched as it is written.
    #[error("{what}")]
    Invalid {
        /// Why not, and what to write.
        what: String,
    },
    /// The server, or the way to it, failed.
    #[error("{url}: {what}")]
    Remote {
        /// Where.
        url: String,
        /// The reason, and the remedy.
        what: String,
    },
    /// The server does not do it, now or later.
    #[error("{url}: {what}")]
    Refused {
        /// Where.
        url: String,
        /// The server's words, and what to do.
        what: String,
    },
    /// There is no way in.
    #[error("{place}: {what}")]
    Login {
        /// The server, or what has logins.
        place: String,
        /// Why, and what to do.
        what: String,
    },
    /// The content has another digest than the expected one.
    #[error("{url}: digest mismatch: it is {got}, and --checksum says {expected}; look what changed there")]
    Checksum {
        /// Where.
        url: String,
        /// The digest of the content.
        got: String,
        /// The expected digest.
        expected: String,
    },
    /// The local side failed.
    #[error("{what}: {error}")]
    Io {
        /// The operation.
        what: String,
        /// The error.
        error: io::Error,
    },
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::new(error.exit(), "", error)
    }
}

impl FetchError {
    /// The exit status that it means for whoever asks a registry: a server that does not answer now may do so later.
    pub fn exit(&self) -> Exit {
        match self {
            error if error.is_passing() => Exit::TryAgain,
            error if error.is_input() => Exit::BadInput,
            _ => Exit::Failed,
        }
    }

    /// The source can't be fetched as it is written.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// The server at a URL, or the way to it, failed.
    pub fn remote(url: &str, what: impl Into<String>) -> Self {
        Self::Remote { url: redact(url), what: what.into() }
    }

    /// The server at a URL does not do it, and would not later.
    pub fn refused(url: &str, what: impl Into<String>) -> Self {
        Self::Refused { url: redact(url), what: what.into() }
    }

    /// No way in, at a URL.
    pub fn login(url: &str, what: impl Into<String>) -> Self {
        Self::Login { place: redact(url), what: what.into() }
    }

    /// Says what was being done when the local side failed.
    pub fn io(what: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::Io { what: what.to_owned(), error }
    }

    /// Whether it may work later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Remote { .. })
    }

    /// Whether the server is one without TLS.
    pub fn is_no_tls(&self) -> bool {
        matches!(self, Self::Refused { what, .. } if what == NO_TLS)
    }

    /// Whether the Dockerfile or the bytes are to blame, not the network or the machine.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Invalid { .. } | Self::Checksum { .. })
    }
}
