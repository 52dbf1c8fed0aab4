//! Inside: pid 1 of the sandbox, and the command that it runs.
//!
//! Pid 1 builds the root, starts the command, reaps orphans and ends with the command; the kernel then kills the rest
//! of the namespace. It dies with the outer process.

use crate::isolation::Isolation;
use crate::job::{Job, Network, Stdio};
use crate::relay::Ends;
use crate::rootfs::{self, HostFile, Prepared};
use crate::subids::more_ids;
use crate::{SandboxError, caps, cgroup, cmdline, failed, fork, ids, seccomp, setup, sys, terminal};
use libtree::{Owners, Root, idmap};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, execve, setgroups, setresgid, setresuid};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{DumpableBehavior, set_dumpable_behavior, set_parent_process_death_signal};
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The state with which the sandbox starts, besides the job.
pub(crate) struct Inside<'a> {
    pub(crate) job: &'a Job,
    pub(crate) isolation: Isolation,
    pub(crate) prepared: Vec<Prepared>,
    pub(crate) files: Vec<HostFile>,
    /// Standard input, output and error of the command, unless it has a terminal.
    pub(crate) stdio: Option<Ends>,
    pub(crate) outer: UnixStream,
    /// The files by which it joins its cgroups.
    pub(crate) doors: Vec<File>,
}

/// The messages of pid 1 to the outer process: one byte, then its data.
pub(crate) mod word {
    /// The sandbox is there; the command is about to start.
    pub(crate) const BEGUN: u8 = b'B';
    /// Followed by the exit status.
    pub(crate) const EXITED: u8 = b'E';
    /// Followed by the signal's number.
    pub(crate) const KILLED: u8 = b'K';
    /// Followed by a message: the command did not start.
    pub(crate) const FAILED: u8 = b'X';
    /// Followed by a message: the command did not start, because its user does not exist.
    pub(crate) const NO_USER: u8 = b'U';
    /// The terminal's master side comes along.
    pub(crate) const TERMINAL: u8 = b'P';
    /// From outside, followed by the number of a signal for the command.
    pub(crate) const SIGNAL: u8 = b'S';
}

/// Pid 1. Never returns.
pub(crate) fn main(mut inside: Inside<'_>) -> ! {
    let report = match start(&mut inside) {
        Ok(child) => supervise(child, &inside.outer),
        Err(error) => failure(&error),
    };
    let _ = inside.outer.write_all(&report);
    fork::exit_now(0)
}

fn failure(error: &SandboxError) -> Vec<u8> {
    let (word, text) = match error {
        SandboxError::Setup(text) => (word::FAILED, text.clone()),
        SandboxError::User(error) => (word::NO_USER, error.to_string()),
        other => (word::FAILED, other.to_string()),
    };
    [&[word], text.as_bytes()].concat()
}

fn start(inside: &mut Inside<'_>) -> Result<Pid, SandboxError> {
    set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(setup("death signal"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(setup("dumpable"))?;
    SigSet::all().thread_block().map_err(setup("signals"))?;
    sys::cloexec_from(3).map_err(setup("descriptors"))?;
    cgroup::join(&mut inside.doors).map_err(setup("cgroup"))?;
    cmdline::hide()?;
    rootfs::build(inside.job, inside.isolation, &inside.prepared, &inside.files)?;
    if inside.job.network == Network::None {
        sys::loopback_up().map_err(setup("loopback interface"))?;
    }
    rustix::system::sethostname(inside.job.hostname.as_bytes()).map_err(setup("host name"))?;
    sys::new_keyring();
    // From now on only the command can take long.
    inside.outer.write_all(&[word::BEGUN]).map_err(setup("word to the outside"))?;
    match fork::fork().map_err(setup("fork"))? {
        fork::Side::Parent(child) => {
            // Only the command may keep the pipes open.
            inside.stdio = None;
            Ok(child)
        }
        fork::Side::Child => {
            let error = match command(inside) {
                Ok(never) => match never {},
                Err(Start::Status(status)) => fork::exit_now(status),
                Err(Start::Failed(error)) => error,
            };
            let _ = inside.outer.write_all(&failure(&error));
            fork::exit_now(125)
        }
    }
}

fn supervise(child: Pid, mut outer: &UnixStream) -> Vec<u8> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    let Ok(signals) = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK) else {
        return failure(&SandboxError::Setup("signalfd".into()));
    };
    loop {
        while let Ok(status) = waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            match status {
                WaitStatus::Exited(pid, status) if pid == child => return vec![word::EXITED, status as u8],
                WaitStatus::Signaled(pid, signal, _) if pid == child => {
                    return vec![word::KILLED, signal as u8];
                }
                WaitStatus::StillAlive => break,
                _ => {}
            }
        }
        let mut fds =
            [PollFd::new(&signals, PollFlags::IN), PollFd::from_borrowed_fd(outer.as_fd(), PollFlags::IN)];
        let _ = poll(&mut fds, None);
        let spoken = !fds[1].revents().is_empty();
        while let Ok(Some(_)) = signals.read_signal() {}
        if spoken {
            let mut request = [0; 2];
            match outer.read_exact(&mut request) {
                Ok(()) if request[0] == word::SIGNAL => sys::send_signal(child, request[1].into()),
                // The outer process is gone, so this process ends with all others.
                _ => fork::exit_now(0),
            }
        }
    }
}

enum Start {
    /// As in a shell: 127 if the command is not found, 126 if it is not executable; a message goes to standard error.
    Status(i32),
    Failed(SandboxError),
}

impl<E: Into<SandboxError>> From<E> for Start {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn command(inside: &Inside<'_>) -> Result<std::convert::Infallible, Start> {
    let job = inside.job;
    set_parent_process_death_signal(None).map_err(setup("death signal"))?;
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(setup("dumpable"))?;
    rustix::process::setsid().map_err(setup("session"))?;
    let terminal = connect(inside)?;
    sys::default_signals();
    SigSet::empty().thread_set_mask().map_err(setup("signals"))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let root = Root::open(Path::new("/"), Owners::Real).map_err(setup("/"))?;
    let identity = ids::lookup(&root, &job.user)?;
    drop(root);
    require_ids(inside, &identity)?;
    change_directory(&job.cwd, &identity)?;
    if job.readonly {
        // Not earlier, because the working directory may have been missing.
        rootfs::close_to_writes()?;
    }
    for limit in &job.ulimits {
        lower_limit(limit)?;
    }
    if let Some(terminal) = terminal {
        // The command may open its own terminal again, whatever its user is.
        let _ = rustix::fs::fchown(&terminal, Some(rustix::fs::Uid::from_raw(identity.uid)), None);
    }
    become_user(inside, &identity)?;
    exec(job, &identity.home)
}

/// Sets the command's descriptors 0, 1 and 2, and marks all others, even that to the outer process, to be closed by
/// exec. Returns its terminal, if it has one.
fn connect(inside: &Inside<'_>) -> Result<Option<OwnedFd>, SandboxError> {
    let mut terminal = None;
    match (inside.job.stdio, &inside.stdio) {
        (Stdio::Terminal, _) => {
            let own = terminal::make(&inside.outer, word::TERMINAL)?;
            dup_to_stdio(&own, &own, &own)?;
            rustix::process::ioctl_tiocsctty(&own).map_err(setup("terminal"))?;
            terminal = Some(own);
        }
        (_, Some(Ends { input: Some(input), output, error })) => dup_to_stdio(input, output, error)?,
        (_, Some(Ends { input: None, output, error })) => {
            let null = std::fs::File::open("/dev/null").map_err(setup("/dev/null"))?;
            dup_to_stdio(&null.into(), output, error)?;
        }
        (_, None) => return Err(SandboxError::Setup("no pipes for the output".into())),
    }
    sys::cloexec_from(3).map_err(setup("descriptors"))?;
    Ok(terminal)
}

fn dup_to_stdio(input: &OwnedFd, output: &OwnedFd, error: &OwnedFd) -> Result<(), SandboxError> {
    rustix::stdio::dup2_stdin(input).map_err(setup("standard input"))?;
    rustix::stdio::dup2_stdout(output).map_err(setup("standard output"))?;
    rustix::stdio::dup2_stderr(error).map_err(setup("standard error"))
}

/// Enters the working directory. Missing directories are made, and belong to the command's user.
fn change_directory(cwd: &Path, user: &ids::Identity) -> Result<(), SandboxError> {
    let name = cwd.display().to_string();
    let missing: Vec<_> = cwd.ancestors().take_while(|dir| !dir.exists()).collect();
    // A path that leads back (`..`) finds directories that were made meanwhile.
    for dir in missing.into_iter().rev().filter(|dir| !dir.exists()) {
        std::fs::create_dir(dir).map_err(setup(&name))?;
        std::os::unix::fs::lchown(dir, Some(user.uid), Some(user.gid)).map_err(setup(&name))?;
    }
    rustix::process::chdir(cwd).map_err(setup(&name))?;
    let here = rustix::process::getcwd(Vec::new()).map_err(setup(&name))?;
    match here.as_bytes().first() {
        Some(b'/') => Ok(()),
        _ => Err(SandboxError::Setup(format!("the working directory {name} is not inside the image"))),
    }
}

fn lower_limit(limit: &crate::job::Ulimit) -> Result<(), SandboxError> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let resource = match limit.name.as_str() {
        "as" => Resource::RLIMIT_AS,
        "core" => Resource::RLIMIT_CORE,
        "cpu" => Resource::RLIMIT_CPU,
        "data" => Resource::RLIMIT_DATA,
        "fsize" => Resource::RLIMIT_FSIZE,
        "locks" => Resource::RLIMIT_LOCKS,
        "memlock" => Resource::RLIMIT_MEMLOCK,
        "msgqueue" => Resource::RLIMIT_MSGQUEUE,
        "nice" => Resource::RLIMIT_NICE,
        "nofile" => Resource::RLIMIT_NOFILE,
        "nproc" => Resource::RLIMIT_NPROC,
        "rss" => Resource::RLIMIT_RSS,
        "rtprio" => Resource::RLIMIT_RTPRIO,
        "rttime" => Resource::RLIMIT_RTTIME,
        "sigpending" => Resource::RLIMIT_SIGPENDING,
        "stack" => Resource::RLIMIT_STACK,
        other => return Err(SandboxError::Setup(format!("{other:?} is not a resource limit"))),
    };
    let (_, hard) = getrlimit(resource).map_err(setup("getrlimit"))?;
    // If the hard limit may not be raised, the present limit is the closest.
    setrlimit(resource, limit.soft, limit.hard)
        .or_else(|_| setrlimit(resource, limit.soft.min(hard), limit.hard.min(hard)))
        .map_err(setup(&limit.name))
}

/// Refuses a user whose ids do not exist here, before a file gets these.
fn require_ids(inside: &Inside<'_>, identity: &ids::Identity) -> Result<(), SandboxError> {
    let (uid, gid) = (identity.uid, identity.gid);
    let missing = match inside.isolation {
        Isolation::Single if (uid, gid) != (0, 0) => {
            Some(format!("user {uid}:{gid} can't be had: only one id is mapped here; {}", more_ids()))
        }
        Isolation::Single => None,
        _ => identity.groups.iter().find_map(|&gid| idmap::unmapped(uid, gid)),
    };
    missing.map_or(Ok(()), |what| Err(SandboxError::Setup(what)))
}

fn become_user(inside: &Inside<'_>, identity: &ids::Identity) -> Result<(), SandboxError> {
    let single = inside.isolation == Isolation::Single;
    if !inside.job.insecure {
        caps::drop_bounding()?;
        if inside.job.network == Network::Host {
            sys::leave_abstract_sockets();
        }
        seccomp::filter_calls()?;
    }
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    if !single {
        let groups: Vec<_> = identity.groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
        setgroups(&groups).map_err(setup("groups"))?;
    }
    setresgid(gid, gid, gid).map_err(setup("group"))?;
    caps::drop_sets(inside.job.insecure)?;
    setresuid(uid, uid, uid).map_err(setup("user"))?;
    match inside.job.no_new_privileges {
        true => rustix::thread::set_no_new_privs(true).map_err(setup("no_new_privs")),
        false => Ok(()),
    }
}

fn exec(job: &Job, home: &str) -> Result<std::convert::Infallible, Start> {
    let mut env = job.env.clone();
    if !env.iter().any(|(key, _)| key == "HOME") {
        env.push(("HOME".into(), home.into()));
    }
    let path = env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.clone()).unwrap_or_default();
    let c_string = |word: OsString| CString::new(word.into_vec()).map_err(setup("a word with a NUL in it"));
    let pairs = env.into_iter().map(|(key, value)| c_string([key, value].join(OsStr::new("="))));
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    let words = job.argv.iter().cloned().map(c_string).collect::<Result<Vec<_>, _>>()?;
    let Some(program) = job.argv.first().filter(|word| !word.is_empty()) else {
        return Err(SandboxError::Setup("the command is empty".into()).into());
    };
    let mut worst = nix::errno::Errno::ENOENT;
    for candidate in candidates(program, &path) {
        let Err(errno) = execve(&c_string(candidate)?, &words, &pairs);
        if !matches!(errno, nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR) {
            worst = errno;
        }
    }
    let missing = worst == nix::errno::Errno::ENOENT;
    let there = || candidates(program, &path).iter().any(|path| Path::new(path).exists());
    let why = match missing {
        false => &format!(": {}", worst.desc()),
        true if there() => failed::CANT_BEGIN,
        true => failed::ABSENT,
    };
    // This does not use std, whose lock a thread of the outer process may have held.
    let _ = rustix::io::write(rustix::stdio::stderr(), format!("{}{why}\n", program.display()).as_bytes());
    Err(Start::Status(if missing { 127 } else { 126 }))
}

/// The paths of a program: itself if it has a slash, or else in each directory of PATH.
fn candidates(program: &OsStr, path: &OsStr) -> Vec<OsString> {
    if program.as_bytes().contains(&b'/') {
        return vec![program.to_owned()];
    }
    let in_dir = |dir: &[u8]| {
        let dir = if dir.is_empty() { b"." } else { dir };
        OsString::from_vec([dir, b"/", program.as_bytes()].concat())
    };
    path.as_bytes().split(|&b| b == b':').map(in_dir).collect()
}
