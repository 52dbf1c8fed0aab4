//! Moves this process to namespaces in which the store's trees have their owners: a mount namespace of its own and, for
//! an ordinary user, a user namespace in which it is root.

use crate::isolation::Isolation;
use crate::subids::{MORE_IDS, Range, subordinate_ranges};
use crate::{SandboxError, fork, setup};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, geteuid, getgid, getuid, setgroups, setresgid, setresuid};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// Enters the best mode that works, or the requested one. It must be called once, early in `main`, while the process
/// has one thread. Afterwards this process is root in its own view, and may mount.
pub fn enter(wanted: Option<Isolation>) -> Result<Isolation, SandboxError> {
    let mut tried = Vec::new();
    let outer = geteuid().is_root().then(outer_mode);
    match outer {
        Some(mode) if wanted.is_none_or(|wanted| wanted == mode) => match unshare(UnshareFlags::NEWNS) {
            Ok(()) => return private_mounts().map(|()| mode),
            Err(errno) => tried.push(format!("{mode}: mount namespace: {errno}")),
        },
        Some(mode) => tried.push(format!("the only mode here is {mode}: the caller is root already")),
        None if wanted == Some(Isolation::Root) => tried.push("root: not root".into()),
        None => {}
    }
    // Root could not have the requested mode, and no other mode was requested.
    if outer.is_some() && wanted.is_some() {
        return Err(unavailable(&tried));
    }
    enter_unprivileged(wanted, &mut tried).ok_or_else(|| unavailable(&tried))
}

fn enter_unprivileged(wanted: Option<Isolation>, tried: &mut Vec<String>) -> Option<Isolation> {
    if wanted.is_none_or(|wanted| wanted == Isolation::Subuid) {
        match subordinate_ranges() {
            // A process in a new namespace can't leave it to try the next mode, so it falls back inside.
            Ok(ranges) => return enter_userns(Some(ranges), wanted.is_none(), tried),
            Err(why) => tried.push(format!("subuid: {why}")),
        }
    }
    match wanted {
        None | Some(Isolation::Single) => enter_userns(None, true, tried),
        Some(_) => None,
    }
}

fn enter_userns(
    ranges: Option<(Range, Range)>,
    single_will_do: bool,
    tried: &mut Vec<String>,
) -> Option<Isolation> {
    let mode = if ranges.is_some() { Isolation::Subuid } else { Isolation::Single };
    let enter = || {
        let mapper = Mapper::start(getuid(), getgid(), ranges, single_will_do)?;
        unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).map_err(setup("user namespace"))?;
        let mode = mapper.map()?;
        let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
        setresgid(group, group, group).map_err(setup("setresgid"))?;
        setresuid(root, root, root).map_err(setup("setresuid"))?;
        if mode == Isolation::Subuid {
            setgroups(&[]).map_err(setup("setgroups"))?;
        }
        private_mounts().map(|()| mode)
    };
    enter().map_err(|error: SandboxError| tried.push(format!("{mode}: {error}"))).ok()
}

/// Root of the host, or of an existing user namespace.
fn outer_mode() -> Isolation {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mut lines = map.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    match (lines.next().as_deref(), lines.next()) {
        (Some(["0", "0", "4294967295"]), None) => Isolation::Root,
        (Some([_, _, "1"]), None) => Isolation::Single,
        _ => Isolation::Subuid,
    }
}

fn unavailable(tried: &[String]) -> SandboxError {
    SandboxError::Unavailable(format!(
        "no way to isolate works here ({}); run as root, or {MORE_IDS}, or allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container \
         of docker, --security-opt seccomp=unconfined)",
        tried.join("; ")
    ))
}

#[allow(unsafe_code)]
pub(crate) fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: no CLONE_FILES or CLONE_FS: no descriptor or working directory of another thread changes.
    unsafe { unshare_unsafe(flags) }
}

fn private_mounts() -> Result<(), SandboxError> {
    match mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC) {
        Err(Errno::INVAL) => Err(SandboxError::Setup(
            "the root directory is not a mount point, as in a chroot of a plain directory; outside, mount it \
             (mount --bind DIR DIR), then enter it again"
                .into(),
        )),
        done => done.map_err(setup("private mounts")),
    }
}

/// A child left outside the new namespace, where its id maps must be written.
struct Mapper {
    child: Pid,
    go: UnixStream,
}

/// The child's exit status.
const SUBUID: i32 = 0;
const SINGLE: i32 = 2;
const NEITHER: i32 = 1;

impl Mapper {
    fn start(
        uid: Uid,
        gid: Gid,
        ranges: Option<(Range, Range)>,
        single_will_do: bool,
    ) -> Result<Self, SandboxError> {
        let (go, mut wait) = UnixStream::pair().map_err(setup("socketpair"))?;
        let parent = std::process::id();
        match fork::fork().map_err(setup("fork"))? {
            fork::Side::Parent(child) => Ok(Self { child, go }),
            fork::Side::Child => {
                drop(go);
                if wait.read_exact(&mut [0]).is_err() {
                    fork::exit_now(NEITHER);
                }
                // If one id is enough, a failure to get more (newuidmap without its setuid bit, as in many containers)
                // is not reported.
                let quiet = single_will_do;
                let many = ranges.is_some_and(|(uids, gids)| {
                    run_mapper("newuidmap", parent, uid.as_raw(), uids, quiet)
                        && run_mapper("newgidmap", parent, gid.as_raw(), gids, quiet)
                });
                let one = || single_will_do && map_one(parent, uid, gid).is_ok();
                fork::exit_now(match many {
                    true => SUBUID,
                    false if one() => SINGLE,
                    false => NEITHER,
                })
            }
        }
    }

    /// Lets a child write the maps of this process.
    fn map(mut self) -> Result<Isolation, SandboxError> {
        self.go.write_all(b"g").map_err(setup("id map helper"))?;
        match waitpid(self.child, None) {
            Ok(WaitStatus::Exited(_, SUBUID)) => Ok(Isolation::Subuid),
            Ok(WaitStatus::Exited(_, SINGLE)) => Ok(Isolation::Single),
            _ => Err(SandboxError::Setup("the id maps were refused".into())),
        }
    }
}

fn map_one(pid: u32, uid: Uid, gid: Gid) -> std::io::Result<()> {
    let write = |name: &str, text: String| std::fs::write(format!("/proc/{pid}/{name}"), text);
    write("setgroups", "deny".into())?;
    write("uid_map", format!("0 {uid} 1"))?;
    write("gid_map", format!("0 {gid} 1"))
}

fn run_mapper(tool: &str, pid: u32, own: u32, range: Range, quiet: bool) -> bool {
    let count = range.1.min(u32::MAX - 2);
    let words = [pid, 0, own, 1, 1, range.0, count].map(|word| word.to_string());
    let mut command = Command::new(tool);
    command.args(words).env_clear().env("PATH", "/usr/bin:/bin:/usr/local/bin").stdin(Stdio::null());
    if quiet {
        command.stderr(Stdio::null());
    }
    command.status().is_ok_and(|status| status.success())
}
