//! The settings of the caller's environment for reaching servers.

use crate::proxy::Proxies;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

/// The bytes of secrets, by name.
pub type Secrets = BTreeMap<String, Vec<u8>>;

/// The settings that decide how servers are reached.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// A PEM file of the certificates to trust instead of the system's.
    pub certificates: Option<OsString>,
    /// Directories of such files, separated by colons.
    pub certificate_dirs: Option<OsString>,
    /// The proxies.
    pub proxies: Proxies,
    /// The secrets that are for servers.
    pub secrets: Secrets,
    /// The time that a run waits for all servers that can't answer yet; `None` for the default.
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
