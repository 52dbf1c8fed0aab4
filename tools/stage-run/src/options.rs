//! The options as plain values, and the parsing of those with a syntax of their own.

use crate::lock::LockFile;
use libcli::SecretSource;
use libsandbox::{Caller, Cgroups, Isolation, Network, Ulimit};
use libstore::LayerKey;
use libtree::tar::Limits;
use libwire::remote::Kind;
use libwire::{Packing, Reference};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options of stage-run, besides the plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only this stage, by index or name, and what it needs that is not built elsewhere.
    pub stage: Option<String>,
    /// The build context.
    pub context: PathBuf,
    /// The ignore file of the context, if not its own .dockerignore.
    pub ignore_file: Option<PathBuf>,
    /// Where stages built by other processes leave their results.
    pub build_dir: Option<PathBuf>,
    /// The part that the stage has for a driver: `target`, `below` or `beside` it.
    pub part: Option<String>,
    /// How long to wait there for a stage that nobody builds.
    pub wait: Duration,
    /// Whether a driver starts all stages, and ends them all when one fails.
    pub driver: bool,
    /// Named contexts.
    pub contexts: BTreeMap<String, NamedContext>,
    /// Secrets by id.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Sockets of ssh agents by id.
    pub ssh: BTreeMap<String, PathBuf>,
    /// The network of RUNs that name none.
    pub network: Network,
    /// Run every step again.
    pub no_cache: bool,
    /// Run the steps of these stages again.
    pub no_cache_filter: Vec<String>,
    /// Whether to say why steps are not in the cache.
    pub explain: bool,
    /// Whether to say what would be done instead of doing it.
    pub dry_run: bool,
    /// The last step to do of the stage asked for, or the target.
    pub until: Option<usize>,
    /// Where in that stage to open a shell, and to end.
    pub shell: Option<Place>,
    /// Whether to open a shell in what a failed RUN left.
    pub shell_on_fail: bool,
    /// The kind of terminal a shell is on.
    pub term: Option<OsString>,
    /// Further lines for /etc/hosts.
    pub add_hosts: Vec<(String, String)>,
    /// Size of /dev/shm in bytes.
    pub shm_size: u64,
    /// Resource limits of RUN.
    pub ulimits: Vec<Ulimit>,
    /// Where RUN's cgroups are made, which hold it to limits.
    pub cgroups: Cgroups,
    /// How long a RUN may take.
    pub timeout: Option<Duration>,
    /// How many bytes of what a RUN prints are kept.
    pub log_max: u64,
    /// Whether no program gives RUN more rights than it has.
    pub no_new_privileges: bool,
    /// Whether `RUN --network=host` is allowed.
    pub allow_host: bool,
    /// Whether `RUN --security=insecure` is allowed.
    pub allow_insecure: bool,
    /// The packer whose layers the record of a cached step has, so that nobody packs them again.
    pub known_layers: Option<LayerKey>,
    /// How layers will be packed.
    pub packing: Packing,
    /// Whether the files of a COPY that nothing looks at may be left where they are, for the packer.
    pub defer_copies: bool,
    /// SOURCE_DATE_EPOCH.
    pub epoch: Option<i64>,
    /// Whether to tell each step and RUN's output.
    pub progress: bool,
    /// When images are pulled.
    pub pull: Policy,
    /// Whether nothing is fetched, and no image pulled.
    pub offline: bool,
    /// The lock, which says what the names of sources mean.
    pub lock: LockFile,
    /// The program that fetches, and its limits.
    pub fetch: Fetch,
    /// How steps are set apart from the host.
    pub isolation: Isolation,
}

impl Default for Options {
    /// A build as root of a plan's whole target, from this directory, that says nothing.
    fn default() -> Self {
        Self {
            stage: None,
            context: ".".into(),
            ignore_file: None,
            build_dir: None,
            part: None,
            wait: Duration::ZERO,
            driver: false,
            contexts: BTreeMap::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            network: Network::Host,
            no_cache: false,
            no_cache_filter: Vec::new(),
            explain: false,
            dry_run: false,
            until: None,
            shell: None,
            shell_on_fail: false,
            term: None,
            add_hosts: Vec::new(),
            shm_size: 64 << 20,
            ulimits: Vec::new(),
            cgroups: Cgroups::default(),
            timeout: None,
            log_max: u64::MAX,
            no_new_privileges: false,
            allow_host: false,
            allow_insecure: false,
            known_layers: None,
            packing: Packing::default(),
            defer_copies: false,
            epoch: None,
            pull: Policy::Missing,
            offline: false,
            lock: LockFile::default(),
            fetch: Fetch::default(),
            progress: false,
            isolation: Isolation::Root,
        }
    }
}

/// When images are pulled from their registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// When the store lacks one.
    Missing,
    /// When the registry has another one than the store, if it can be asked.
    Newer,
    /// As `Newer`, and it has to be asked.
    Always,
    /// Never.
    Never,
}

impl Policy {
    /// When `reference` is pulled, which a lock may ask for anew. `own`: the store's image never came from a registry.
    #[must_use]
    pub fn with(self, lock: &LockFile, reference: &Reference, own: bool) -> Self {
        if self != Self::Never && lock.asks(reference, own) { Self::Always } else { self }
    }

    /// Its word on a command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Newer => "newer",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// `missing`, `newer`, `always` or `never`; `true` and `false` are docker's words for the last two.
pub fn policy(text: &str) -> Result<Policy, String> {
    match text {
        "missing" => Ok(Policy::Missing),
        "newer" => Ok(Policy::Newer),
        "always" | "true" => Ok(Policy::Always),
        "never" | "false" => Ok(Policy::Never),
        _ => Err(format!("{text:?} is not one of missing, newer, always and never")),
    }
}

/// The program that fetches, and its limits.
#[derive(Clone, Debug, Default)]
pub struct Fetch {
    /// Where the program is looked for before PATH is.
    pub beside: Option<PathBuf>,
    /// The most that an archive may unpack to.
    pub limits: Limits,
    /// The registries that may be without TLS, or with a certificate that nobody vouches for.
    pub insecure: Vec<String>,
    /// Whose logins it uses.
    pub caller: Caller,
}

/// A place in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After the last step.
    End,
    /// Before this step.
    Step(usize),
    /// Before the instruction in this line.
    Line(u32),
}

/// `STEP` or `:LINE`; without a word, the end.
pub fn place(text: &str) -> Result<Place, String> {
    let place = match text.strip_prefix(':') {
        _ if text.is_empty() => Some(Place::End),
        Some(line) => line.parse().ok().map(Place::Line),
        None => text.parse().ok().filter(|&step| step > 0).map(Place::Step),
    };
    place.ok_or_else(|| format!("{text:?} is neither a step's number nor :LINE"))
}

/// A named context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory, or a tar.
    Directory(PathBuf),
    /// An image in an OCI layout.
    Layout {
        /// The layout's directory.
        path: PathBuf,
        /// Tag or digest; without, the layout must hold one image.
        select: Option<String>,
    },
    /// An image by its reference.
    Image(String),
    /// A URL of a tar, a file or a repository.
    Url(String),
}

/// Looks up a variable of the caller's environment.
pub type Environment<'a> = dyn Fn(&str) -> Option<Vec<u8>> + 'a;

/// `NAME=DIRECTORY` or `NAME=TAR`, `NAME=URL`, `NAME=oci-layout://DIR[:tag|@digest]` or
/// `NAME=docker-image://REFERENCE`.
pub fn named_context(text: &str) -> Result<(String, NamedContext), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or("write NAME=DIRECTORY, NAME=URL, NAME=oci-layout://DIRECTORY or NAME=docker-image://IMAGE")?;
    let context = if let Some(layout) = value.strip_prefix("oci-layout://") {
        let (path, select) = split_layout(layout);
        NamedContext::Layout { path, select }
    } else if let Some(image) = value.strip_prefix("docker-image://") {
        NamedContext::Image(image.to_owned())
    } else if Kind::of(value) != Kind::Path {
        NamedContext::Url(value.to_owned())
    } else if value.contains("://") {
        let known = "http, https, git, ssh, oci-layout and docker-image";
        return Err(format!("{value}: no such kind of context; there are {known}"));
    } else if let Some(target) = value.strip_prefix("target:") {
        return Err(format!("{value}: a target is bake's; build {target} first and name its image"));
    } else {
        NamedContext::Directory(PathBuf::from(value))
    };
    Ok((name.to_owned(), context))
}

/// A tag never holds a slash, a directory's last part may hold a colon only before one.
fn split_layout(text: &str) -> (PathBuf, Option<String>) {
    if let Some((path, digest)) = text.split_once('@') {
        return (PathBuf::from(path), Some(digest.to_owned()));
    }
    match text.rsplit_once(':') {
        Some((path, tag)) if libwire::reference::is_tag(tag) => (PathBuf::from(path), Some(tag.to_owned())),
        _ => (PathBuf::from(text), None),
    }
}

/// `default`, or `ID=SOCKET`; without a socket, $SSH_AUTH_SOCK.
pub fn ssh(text: &str, environment: &Environment) -> Result<(String, PathBuf), String> {
    use std::os::unix::ffi::OsStringExt;
    let (id, socket) = text.split_once('=').map_or((text, None), |(id, socket)| (id, Some(socket)));
    let agent = || {
        let value = environment("SSH_AUTH_SOCK").filter(|value| !value.is_empty());
        value.map(|value| PathBuf::from(std::ffi::OsString::from_vec(value)))
    };
    let socket = match socket.filter(|socket| !socket.is_empty()) {
        Some(socket) if socket.contains(',') => {
            return Err("write one socket; keys are an agent's to hold".into());
        }
        Some(socket) => PathBuf::from(socket),
        None => agent().ok_or("$SSH_AUTH_SOCK is not set; start an agent, or write ID=SOCKET")?,
    };
    Ok((if id.is_empty() { "default" } else { id }.to_owned(), socket))
}

/// Whether an agent can be reached there.
pub fn is_agent(socket: &Path) -> Result<(), String> {
    use std::os::unix::fs::FileTypeExt;
    match socket.metadata() {
        Ok(meta) if meta.file_type().is_socket() => Ok(()),
        Ok(_) => Err(format!("{} is no socket; give a key to an agent by ssh-add", socket.display())),
        Err(error) => Err(format!("{}: {error}; start an agent", socket.display())),
    }
}

/// `NAME:ADDRESS` or `NAME=ADDRESS`.
pub fn add_host(text: &str) -> Result<(String, String), String> {
    let (name, address) =
        text.split_once('=').or_else(|| text.split_once(':')).ok_or("write NAME:ADDRESS")?;
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let word = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    match (word, bare.parse::<IpAddr>()) {
        (true, Ok(address)) => Ok((name.to_owned(), address.to_string())),
        (false, _) => Err(format!("{name:?} is no host name")),
        (_, Err(_)) => Err(format!("{address:?} is no address; write one as 192.0.2.1")),
    }
}

/// `NAME=SOFT[:HARD]`; -1 is unlimited.
pub fn ulimit(text: &str) -> Result<Ulimit, String> {
    let (name, limits) = text.split_once('=').ok_or("write NAME=SOFT[:HARD]")?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| match text {
        "-1" | "unlimited" => Ok(u64::MAX),
        _ => text.parse::<u64>().map_err(|_| format!("{text:?} is not a limit")),
    };
    let (soft, hard) = (number(soft)?, number(hard)?);
    match soft <= hard {
        true => Ok(Ulimit { name: name.to_owned(), soft, hard }),
        false => Err("the soft limit is above the hard one".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_contexts() {
        let context = |text: &str| named_context(text).map(|(_, context)| context);
        let layout = |path: &str, select: Option<&str>| {
            Ok(NamedContext::Layout { path: path.into(), select: select.map(str::to_owned) })
        };
        assert_eq!(context("a=../b"), Ok(NamedContext::Directory("../b".into())));
        assert_eq!(context("a=oci-layout:///x/y"), layout("/x/y", None));
        assert_eq!(context("a=oci-layout://y:1.0"), layout("y", Some("1.0")));
        assert_eq!(context("a=oci-layout://c:d/y"), layout("c:d/y", None));
        assert_eq!(context("a=oci-layout://y@sha256:ab"), layout("y", Some("sha256:ab")));
        assert_eq!(context("a=docker-image://b"), Ok(NamedContext::Image("b".into())));
        for url in ["https://x/y.git#a:b", "http://x/y.tar", "git@x:y", "git://x/y", "ssh://x/y"] {
            assert_eq!(context(&format!("a={url}")), Ok(NamedContext::Url(url.into())));
        }
        for bad in ["a", "=x", "a=", "a=ftp://x/y.git", "a=file:///x", "a=target:b"] {
            assert!(context(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_and_limits() {
        assert_eq!(add_host("a:::1"), Ok(("a".into(), "::1".into())));
        assert_eq!(add_host("a=[::1]"), Ok(("a".into(), "::1".into())));
        assert!(add_host("a").is_err() && add_host("a b:1.2.3.4").is_err() && add_host("a:x").is_err());
        let limit = ulimit("nofile=10:20").unwrap();
        assert_eq!((limit.name.as_str(), limit.soft, limit.hard), ("nofile", 10, 20));
        assert!(ulimit("nofile=20:10").is_err() && ulimit("nofile").is_err());
    }
}
