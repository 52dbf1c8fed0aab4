//! A command to run, and its end, as plain data.

use crate::cgroup::Cgroups;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

/// A command and its surroundings.
#[derive(Debug)]
pub struct Job {
    /// Layers below, lowest first.
    pub lowers: Vec<PathBuf>,
    /// The directory for changes.
    pub upper: PathBuf,
    /// overlayfs's own directory, empty, beside `upper`.
    pub work: PathBuf,
    /// An empty directory for the sandbox's own use, of any file system; the caller removes it.
    pub scratch: PathBuf,
    /// The command's words.
    pub argv: Vec<OsString>,
    /// Its whole environment. HOME is added from the image's passwd(5) if it is missing.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory in the image, made if it is missing.
    pub cwd: PathBuf,
    /// `user[:group]` as in USER; empty is root.
    pub user: String,
    /// Further mounts, in order.
    pub mounts: Vec<Mount>,
    /// Whether the image's tree can't be written. Mounts, /dev and files in memory still can.
    pub readonly: bool,
    /// Its network.
    pub network: Network,
    /// Its host name.
    pub hostname: String,
    /// Lines for /etc/hosts: name and address.
    pub add_hosts: Vec<(String, String)>,
    /// Whether /etc/hosts and /etc/resolv.conf can be written. They are in memory, so no layer gets the changes.
    pub writable_etc: bool,
    /// Size of /dev/shm in bytes.
    pub shm_size: u64,
    /// Resource limits to lower.
    pub ulimits: Vec<Ulimit>,
    /// The places of its cgroups, which limit all of its processes together.
    pub cgroups: Cgroups,
    /// The time that it may take. After that it is ended, as by a signal to this process.
    pub timeout: Option<Duration>,
    /// Keep all capabilities and mask nothing (`--security=insecure`).
    pub insecure: bool,
    /// Whether setuid bits and file capabilities give it no further rights (`no_new_privs` of prctl(2)).
    pub no_new_privileges: bool,
    /// Its standard input, output and error.
    pub stdio: Stdio,
    /// The effect on the command of a signal to this process.
    pub on_signal: OnSignal,
    /// The time without output after which the callback gets no bytes as a sign, and again after each such time.
    pub silent: Option<Duration>,
    /// The seconds after a signal that ends it until it is killed.
    pub grace: u64,
}

/// The effect on the command of a signal to the process that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSignal {
    /// TERM, INT, HUP and QUIT end it by TERM. However it then ends, the run was interrupted.
    End,
    /// Every signal reaches it as it was sent, and its own end is the outcome. TERM, INT and the loss of the terminal
    /// ask it to end.
    PassOn,
}

/// The standard input, output and error of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// It reads nothing, and its output goes through pipes to the callback.
    Piped,
    /// It reads and writes the standard streams of this process through pipes, without getting the descriptors.
    Relayed,
    /// It has a terminal of its own, relayed to that of this process.
    Terminal,
}

/// A mount that the Dockerfile or the command line asks for.
#[derive(Debug)]
pub struct Mount {
    /// Absolute path in the image. It may pass through the image's symbolic links.
    pub target: PathBuf,
    /// The source of the mount.
    pub source: MountSource,
    /// Whether it can't be written.
    pub readonly: bool,
}

/// The source of a mount.
#[derive(Debug)]
pub enum MountSource {
    /// The file or directory at `path` below `tree`, which is a directory or a detached mount. An empty path is `tree`
    /// itself.
    Bind {
        /// The root of the lookup: no link leads out of it.
        tree: OwnedFd,
        /// The path below it.
        path: Vec<u8>,
    },
    /// The caller's file or directory at this path, with all mounts below it. Devices and setuid bits have no effect
    /// there.
    Host(PathBuf),
    /// An empty directory in memory.
    Tmpfs {
        /// Limit in bytes; `None` means half the memory.
        size: Option<u64>,
        /// Its mode.
        mode: u32,
        /// Whether no program in it can be executed.
        noexec: bool,
    },
    /// A file in memory, never on disk.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Its mode.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
}

/// The network of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The host's.
    Host,
    /// A loopback interface of its own and nothing else.
    None,
}

/// A resource limit (setrlimit(2)). Limits are never raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// `nofile`, `nproc`, …
    pub name: String,
    /// The soft limit; `u64::MAX` is unlimited.
    pub soft: u64,
    /// The hard limit.
    pub hard: u64,
}

/// One of the command's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The end of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit status, or 128 + the signal's number; 127 not found, 126 not executable; 124 if its time was up.
    pub status: u8,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was ended because its time was up.
    pub timed_out: bool,
    /// Whether one of its processes was killed because it would have used more memory than its limit.
    pub out_of_memory: bool,
}
