//! Remote sources of ADD and remote contexts: files over HTTP(S), trees from git repositories, and archives.
//!
//! Everything is written into an empty temporary directory of the caller, never into a built tree. Fetched data is
//! never run or trusted: neither names, nor links, nor hooks.

pub mod context;
mod file;
pub mod git;
mod name;

pub use file::{Download, download, download_to, download_unless};
pub use libhttp::{FetchError, redact};
pub use libwire::remote::Kind;
pub use name::file_name;

pub use libtree::tar::Limits;
use std::ffi::OsString;

/// The part of the caller's environment that a fetch may use, and its limits.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The way to servers, and the secrets for them.
    pub http: libhttp::Environment,
    /// The proxy variables for git: name and value.
    pub proxies: Vec<(String, OsString)>,
    /// Where to look for git and ssh.
    pub path: Option<OsString>,
    /// The socket of the ssh agent to log in with.
    pub ssh_agent: Option<OsString>,
    /// The file of hosts that ssh knows.
    pub known_hosts: Option<OsString>,
    /// The limits for unpacking an archive.
    pub limits: Limits,
}

impl Environment {
    /// Takes the environment from `variable`, which looks up a name.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let names =
            ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
        let proxies = names.into_iter().filter_map(|name| Some((name.to_owned(), variable(name)?))).collect();
        let known_hosts = variable("HOME").filter(|home| !home.is_empty()).map(|mut home| {
            home.push("/.ssh/known_hosts");
            home
        });
        Self {
            http: libhttp::Environment::of(&variable),
            proxies,
            path: variable("PATH"),
            ssh_agent: None,
            known_hosts,
            limits: Limits::default(),
        }
    }
}
