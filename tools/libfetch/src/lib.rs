//! Sources of ADD and contexts from elsewhere: files over HTTP(S), trees from git repositories, archives.
//!
//! Everything goes into an empty directory that the caller names and throws away; a built tree is never
//! touched, and nothing that was fetched is run or trusted: not names, not links, not hooks.

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

/// The part of the caller's environment that a fetch may see, and the limits on what it may take.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// How servers are reached, and what they are shown.
    pub http: libhttp::Environment,
    /// The proxy variables that git is given: name and value.
    pub proxies: Vec<(String, OsString)>,
    /// Where git and ssh are looked for.
    pub path: Option<OsString>,
    /// The socket of the ssh agent to log in with.
    pub ssh_agent: Option<OsString>,
    /// The hosts that ssh knows.
    pub known_hosts: Option<OsString>,
    /// How much an archive may unpack to.
    pub limits: Limits,
}

impl Environment {
    /// Picks from `variable`, which looks a name up.
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
