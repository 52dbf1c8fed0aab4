//! HTTP and HTTPS: connections and what they may see of the caller's environment, requests that are led elsewhere and
//! asked again, what is shown to which server, and errors that show no secret. It writes no file and knows no
//! registry.

mod access;
mod agent;
mod error;
mod origin;
mod payload;
mod transport;
pub mod url;

pub use access::{Secrets, of_repository, of_url};
pub use agent::{REDIRECTS, agent, reason};
pub use error::FetchError;
pub use libwire::remote::redact;
pub use origin::{Origin, resolve};
pub use payload::{Open, Payload};
pub use transport::{Answer, Call, Transport};

use std::ffi::OsString;

/// The part of the caller's environment that decides how servers are reached.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// A PEM file of the certificates to trust instead of the system's.
    pub certificates: Option<OsString>,
    /// Whether the usual proxy variables count.
    pub proxy: bool,
    /// The secrets that are for servers.
    pub secrets: Secrets,
}

impl Environment {
    /// Picks from `variable`, which looks a name up.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let certificates = variable("SSL_CERT_FILE").filter(|value| !value.is_empty());
        Self { certificates, proxy: true, secrets: Secrets::new() }
    }
}
