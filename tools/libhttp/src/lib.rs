//! HTTP and HTTPS: connections and what they may see of the caller's environment, requests that are led elsewhere and
//! asked again, what is shown to which server, and errors that show no secret. It writes no file and knows no
//! registry.

mod access;
mod agent;
mod error;
mod network;
mod origin;
mod payload;
mod proxy;
mod retry;
mod transport;
mod trust;
pub mod url;

pub use access::{Secrets, of_repository, of_url};
pub use agent::{REDIRECTS, agent, reason};
pub use error::FetchError;
pub use libwire::remote::redact;
pub use network::Network;
pub use origin::{Origin, resolve};
pub use payload::{Open, Payload};
pub use proxy::Proxies;
pub use transport::{Answer, Call, CertificateDirs, Guard, Transport};

use std::ffi::OsString;
use std::time::Duration;

/// The part of the caller's environment that decides how servers are reached.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// A PEM file of the certificates to trust instead of the system's.
    pub certificates: Option<OsString>,
    /// Directories of such files, separated by colons.
    pub certificate_dirs: Option<OsString>,
    /// The way through proxies.
    pub proxies: Proxies,
    /// The secrets that are for servers.
    pub secrets: Secrets,
    /// How long a run waits for servers that can't answer yet, together; none for the usual time.
    pub max_wait: Option<Duration>,
}

impl Environment {
    /// Picks from `variable`, which looks a name up.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            certificates: set("SSL_CERT_FILE"),
            certificate_dirs: set("SSL_CERT_DIR"),
            proxies: Proxies::of(&variable),
            ..Self::default()
        }
    }
}
