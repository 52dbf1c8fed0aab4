//! The program a case starts: enters a mode, runs one command in a sandbox, passes on what it says.

use libsandbox::{
    Cgroups, Channel, Isolation, Job, Limits, Mount, MountSource, Network, OnSignal, SandboxError, Ulimit,
    enter, run,
};
use rustix::fs::Mode;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The status that says that the sandbox itself failed.
pub const FAILED: u8 = 250;

/// `MODE DIRECTORY [OPTION=VALUE]... -- COMMAND [ARGUMENT]...`
pub fn main(words: &[String]) -> ExitCode {
    match try_main(words) {
        Ok(status) => ExitCode::from(status),
        Err(SandboxError::Interrupted(signal)) => ExitCode::from(128 + signal as u8),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(FAILED)
        }
    }
}

fn try_main(words: &[String]) -> Result<u8, SandboxError> {
    let bad = |what: &str| SandboxError::Setup(what.to_owned());
    let [mode, dir, rest @ ..] = words else { return Err(bad("usage")) };
    let wanted = match mode.as_str() {
        "auto" => None,
        mode => Some(mode.parse::<Isolation>().map_err(|error| bad(&error))?),
    };
    libsandbox::seal(std::env::args_os(), std::env::vars_os())?;
    let mut options = rest.split(|word| word == "--");
    let (options, argv) = (options.next().unwrap_or_default(), options.next().unwrap_or_default());
    let isolation = enter(wanted)?;
    // A descriptor that a careless caller leaves open over exec.
    let leak = std::fs::File::open("/").map_err(|error| bad(&error.to_string()))?;
    nix::fcntl::fcntl(&leak, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))
        .map_err(|errno| bad(errno.desc()))?;
    let mut job = job(Path::new(dir), argv);
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        set(&mut job, Path::new(dir), name, value).map_err(|what| bad(&what))?;
    }
    let outcome = run(&job, isolation, &mut |channel, bytes| match channel {
        // A copy.
        _ if job.stdio != libsandbox::Stdio::Piped => Ok(()),
        Channel::Out => std::io::stdout().write_all(bytes),
        Channel::Err => std::io::stderr().write_all(bytes),
    })?;
    if outcome.out_of_memory {
        let _ = writeln!(std::io::stdout(), "out of memory");
    }
    Ok(outcome.status)
}

fn job(dir: &Path, argv: &[String]) -> Job {
    Job {
        lowers: vec![dir.join("image")],
        upper: dir.join("upper"),
        work: dir.join("work"),
        scratch: dir.join("scratch"),
        argv: argv.iter().map(Into::into).collect(),
        env: vec![("PATH".into(), "/bin".into()), ("ONE".into(), "1".into())],
        cwd: PathBuf::from("/"),
        user: String::new(),
        mounts: Vec::new(),
        readonly: false,
        network: Network::Host,
        hostname: "buildkitsandbox".into(),
        add_hosts: Vec::new(),
        writable_etc: false,
        shm_size: 64 << 20,
        ulimits: Vec::new(),
        cgroups: Cgroups::default(),
        timeout: None,
        insecure: false,
        no_new_privileges: false,
        stdio: libsandbox::Stdio::Piped,
        on_signal: OnSignal::End,
        grace: 10,
        silent: None,
    }
}

fn limit(job: &mut Job, limits: Limits) -> Result<(), String> {
    job.cgroups = Cgroups::find(&limits).map_err(|error| error.to_string())?;
    Ok(())
}

fn set(job: &mut Job, dir: &Path, name: &str, value: &str) -> Result<(), String> {
    let number = |value: &str| value.parse::<u64>().map_err(|error| error.to_string());
    match name {
        "user" => job.user = value.into(),
        "cwd" => job.cwd = value.into(),
        "network" if value == "none" => job.network = Network::None,
        "host" => {
            let (host, address) = value.split_once(':').ok_or("host")?;
            job.add_hosts.push((host.into(), address.into()));
        }
        "shm" => job.shm_size = number(value)?,
        "grace" => job.grace = number(value)?,
        "nofile" => {
            let limit = number(value)?;
            job.ulimits.push(Ulimit { name: "nofile".into(), soft: limit, hard: limit });
        }
        "memory" => limit(job, Limits { memory: Some(number(value)?), ..Limits::default() })?,
        "pids" => limit(job, Limits { pids: Some(number(value)?), ..Limits::default() })?,
        "cpu" => limit(job, Limits { cpu: Some((number(value)?, 100_000)), ..Limits::default() })?,
        "timeout" => job.timeout = Some(Duration::from_millis(number(value)?)),
        "umask" => drop(rustix::process::umask(Mode::from_raw_mode(number(value)? as u32))),
        "pass-on" => job.on_signal = OnSignal::PassOn,
        "writable-etc" => job.writable_etc = true,
        "readonly" => job.readonly = true,
        "insecure" => job.insecure = true,
        "no-new-privileges" => job.no_new_privileges = true,
        "relayed" => job.stdio = libsandbox::Stdio::Relayed,
        "terminal" => job.stdio = libsandbox::Stdio::Terminal,
        "tmpfs" => {
            let source = MountSource::Tmpfs { size: Some(1 << 20), mode: 0o1777, noexec: false };
            job.mounts.push(Mount { target: value.into(), source, readonly: false });
        }
        "secret" => {
            let source = MountSource::File { bytes: b"hush".to_vec(), mode: 0o400, uid: 0, gid: 0 };
            job.mounts.push(Mount { target: value.into(), source, readonly: true });
        }
        "bind" | "bindrw" => {
            let tree = std::fs::File::open(dir.join("shared")).map_err(|error| error.to_string())?;
            let source = MountSource::Bind { tree: tree.into(), path: Vec::new() };
            job.mounts.push(Mount { target: value.into(), source, readonly: name == "bind" });
        }
        "hostro" | "hostrw" => {
            let source = MountSource::Host(dir.join("shared"));
            job.mounts.push(Mount { target: value.into(), source, readonly: name == "hostro" });
        }
        _ => return Err(format!("unknown option {name}")),
    }
    Ok(())
}
