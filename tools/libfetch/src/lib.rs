//! What ADD and contexts take from elsewhere: files over HTTP(S), trees from git repositories.
//!
//! Everything goes into an empty directory that the caller names and throws away; a built tree is never
//! touched, and nothing that was fetched is run or trusted: not names, not links, not hooks.

mod error;
mod http;
mod url;

pub use error::FetchError;
pub use http::{Download, download};
pub use url::{Kind, redact, without_credentials};

use std::ffi::OsString;

/// What of the caller's environment a fetch may see.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// A PEM file of the certificates to trust instead of the system's.
    pub certificates: Option<OsString>,
    /// Whether the usual proxy variables count.
    pub proxy: bool,
}

impl Environment {
    /// Picks from `variable`, which looks a name up.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self { certificates: variable("SSL_CERT_FILE").filter(|value| !value.is_empty()), proxy: true }
    }
}
