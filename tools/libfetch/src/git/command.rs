//! One run of the git program, in an environment that is complete here.

use crate::{Environment, FetchError};
use libhttp::{of_repository, url};
use std::path::Path;
use std::process::{Command, Stdio};

/// Settings that a repository or server must not control.
const SETTINGS: [&str; 13] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "credential.helper=",
    "protocol.ext.allow=never",
    "protocol.file.allow=never",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
    "transfer.fsckObjects=true",
    "gc.auto=0",
    // Ends a transfer that has stopped.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
];

/// The protocols for a repository or a submodule.
const PROTOCOLS: &str = "https:http:ssh:git";

/// The command with which git calls ssh, through a shell. In a user namespace ssh would look in root's home.
const SSH: &str = r#"ssh -F none -o BatchMode=yes -o ConnectTimeout=60 -o ServerAliveInterval=20 -o UserKnownHostsFile="\"$KNOWN_HOSTS\"""#;

/// A command line of git for `remote`.
pub(crate) struct Git<'a> {
    command: Command,
    remote: &'a str,
    environment: &'a Environment,
}

impl<'a> Git<'a> {
    /// Begins one.
    pub fn new(remote: &'a str, environment: &'a Environment) -> Self {
        let mut git = Command::new("git");
        git.env_clear().stdin(Stdio::null());
        if let Some(path) = &environment.path {
            git.env("PATH", path);
        }
        for (name, value) in &environment.proxies {
            git.env(name, value);
        }
        if let Some(socket) = &environment.ssh_agent {
            git.env("SSH_AUTH_SOCK", socket);
        }
        git.envs([
            ("HOME", "/dev/null"),
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "/bin/false"),
            // No redirect leads from https to http.
            ("GIT_ALLOW_PROTOCOL", if remote.starts_with("https:") { "https" } else { PROTOCOLS }),
            ("GIT_SSH_COMMAND", SSH),
            // Do not use the repository of a parent directory.
            ("GIT_CEILING_DIRECTORIES", "/"),
            // Do not use this machine's template for new repositories.
            ("GIT_TEMPLATE_DIR", ""),
            ("GIT_DEFAULT_REF_FORMAT", "files"),
        ]);
        for setting in SETTINGS {
            git.args(["-c", setting]);
        }
        git.env("KNOWN_HOSTS", environment.known_hosts.as_deref().unwrap_or("/dev/null".as_ref()));
        if let Some(certificates) = &environment.http.certificates {
            git.env("GIT_SSL_CAINFO", certificates);
        }
        Self { command: git, remote, environment }
    }

    /// Makes git work in the tree `dir`, whose repository is `.git` in it.
    pub fn in_tree(&mut self, dir: &Path) -> &mut Self {
        self.command.current_dir(dir).env("GIT_DIR", dir.join(".git")).env("GIT_WORK_TREE", dir);
        self
    }

    /// Allows other servers than the remote's, because a submodule may be anywhere.
    pub fn of_submodules(&mut self) -> &mut Self {
        self.command.env("GIT_ALLOW_PROTOCOL", PROTOCOLS);
        self
    }

    /// Makes git work in the repository `dir`, and on no files.
    pub fn in_repository(&mut self, dir: &Path) -> &mut Self {
        self.command.current_dir(dir).env("GIT_DIR", dir);
        self
    }

    /// Adds arguments.
    pub fn args<'b>(
        &mut self,
        args: impl IntoIterator<Item = &'b (impl AsRef<str> + ?Sized + 'b)>,
    ) -> &mut Self {
        self.command.args(args.into_iter().map(AsRef::as_ref));
        self
    }

    /// Runs it, and returns its output.
    pub fn run(&mut self) -> Result<String, FetchError> {
        let remote = self.remote;
        if let Some((scope, value)) = of_repository(remote, &self.environment.http)? {
            // Others can read a command line.
            self.command.envs([
                ("GIT_CONFIG_COUNT", "1"),
                ("GIT_CONFIG_KEY_0", &format!("http.{scope}.extraHeader")),
                ("GIT_CONFIG_VALUE_0", &format!("Authorization: {value}")),
            ]);
        }
        let output = libsandbox::end_with_parent(&mut self.command).output().map_err(|error| match error
            .kind()
        {
            std::io::ErrorKind::NotFound => FetchError::remote(remote, "git is not installed; install it"),
            _ => FetchError::io("git")(error),
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = url::without_secret(&said.replace(remote, &crate::redact(remote)), remote);
        let line = said.lines().find(|line| line.starts_with("fatal:")).or(said.lines().next());
        Err(FetchError::remote(remote, format!("git says: {}", line.unwrap_or("nothing"))))
    }
}
