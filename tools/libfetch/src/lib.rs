//! What ADD and contexts take from elsewhere: files over HTTP(S), trees from git repositories, archives; and what
//! registries have.
//!
//! Everything goes into an empty directory that the caller names and throws away; a built tree is never
//! touched, and nothing that was fetched is run or trusted: not names, not links, not hooks.

mod access;
pub mod context;
mod error;
pub mod git;
mod http;
pub mod registry;
mod url;

pub use access::{Secrets, is_for_servers};
pub use error::FetchError;
pub use http::{Download, digest_of, download, download_to, download_unless};
pub use libwire::remote::{Kind, redact, without_credentials};
pub use url::file_name;

pub use libtree::tar::Limits;
use std::ffi::OsString;

/// The part of the caller's environment that a fetch may see, and the limits on what it may take.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// A PEM file of the certificates to trust instead of the system's.
    pub certificates: Option<OsString>,
    /// Whether the usual proxy variables count.
    pub proxy: bool,
    /// Those that git is given: name and value.
    pub proxies: Vec<(String, OsString)>,
    /// Where git and ssh are looked for.
    pub path: Option<OsString>,
    /// The socket of the ssh agent to log in with.
    pub ssh_agent: Option<OsString>,
    /// The hosts that ssh knows.
    pub known_hosts: Option<OsString>,
    /// The secrets that are for servers.
    pub secrets: Secrets,
    /// How much an archive may unpack to.
    pub limits: Limits,
}

impl Environment {
    /// Picks from `variable`, which looks a name up.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let names =
            ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
        let proxies = names.into_iter().filter_map(|name| Some((name.to_owned(), variable(name)?))).collect();
        let certificates = variable("SSL_CERT_FILE").filter(|value| !value.is_empty());
        let known_hosts = variable("HOME").filter(|home| !home.is_empty()).map(|mut home| {
            home.push("/.ssh/known_hosts");
            home
        });
        Self {
            certificates,
            proxy: true,
            proxies,
            path: variable("PATH"),
            ssh_agent: None,
            known_hosts,
            secrets: Secrets::new(),
            limits: Limits::default(),
        }
    }
}
