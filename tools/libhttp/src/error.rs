//! The errors of fetching.

use libcli::{Exit, Failure};
use libwire::remote::redact;
use std::io;

/// The words about a server that does not speak TLS.
pub(crate) const NO_TLS: &str = "it does not speak TLS; is it http?";

/// The reason why a fetch failed. URLs in it have no user, password and query, which may be secrets.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The source can't be fetched as it is written.
    #[error("{what}")]
    Invalid {
        /// The reason, and the remedy.
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
    /// The server refuses, now and later.
    #[error("{url}: {what}")]
    Refused {
        /// Where.
        url: String,
        /// The server's words, and what to do.
        what: String,
    },
    /// The server refuses access.
    #[error("{place}: {what}")]
    Login {
        /// The server, or the file of logins.
        place: String,
        /// The reason, and the remedy.
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
    /// An operation on this machine failed.
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
    /// The exit status for tools that ask registries. A server that does not answer now may do so later.
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

    /// The server at a URL refuses, now and later.
    pub fn refused(url: &str, what: impl Into<String>) -> Self {
        Self::Refused { url: redact(url), what: what.into() }
    }

    /// The server at a URL refuses access.
    pub fn login(url: &str, what: impl Into<String>) -> Self {
        Self::Login { place: redact(url), what: what.into() }
    }

    /// Adds the operation to an error on this machine.
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
