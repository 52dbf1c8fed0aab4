//! Moves this process to where the store's trees have their owners: a mount namespace of its own and,
//! for an ordinary user, a user namespace in which it is root.

use crate::{Isolation, SandboxError, setup, sys};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, geteuid, getgid, getuid, setgroups, setresgid, setresuid};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Enters the best mode that works, or the one wanted. Call it once, first thing in `main`, while the
/// process has one thread. Afterwards this process sees itself as root and may mount.
pub fn enter(wanted: Option<Isolation>) -> Result<Isolation, SandboxError> {
    if geteuid().is_root() {
        return enter_as_root(wanted);
    }
    let mut tried = Vec::new();
    let ranges = subordinate_ranges();
    for mode in [Isolation::Subuid, Isolation::Single] {
        if wanted.is_some_and(|wanted| wanted != mode) {
            continue;
        }
        if mode == Isolation::Subuid && ranges.is_none() {
            tried.push(
                "subuid: no range of at least 65535 ids in /etc/subuid and /etc/subgid, or no newuidmap"
                    .into(),
            );
            continue;
        }
        match enter_userns(mode, ranges) {
            Ok(()) => return Ok(mode),
            Err(error) => tried.push(format!("{mode}: {error}")),
        }
    }
    if wanted == Some(Isolation::Root) {
        tried.push("root: not root".into());
    }
    Err(unavailable(&tried))
}

fn enter_as_root(wanted: Option<Isolation>) -> Result<Isolation, SandboxError> {
    let mode = outer_mode();
    if wanted.is_some_and(|wanted| wanted != mode) {
        return Err(unavailable(&[format!("the only mode here is {mode}: the caller is root already")]));
    }
    unshare(UnshareFlags::NEWNS)
        .map_err(|error| unavailable(&[format!("{mode}: mount namespace: {error}")]))?;
    private_mounts()?;
    Ok(mode)
}

/// Root of the host, or of a user namespace that somebody made before us.
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
        "no way to isolate works here ({}); run as root, or give the user subordinate ids \
         (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER) and install uidmap, \
         or allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
        tried.join("; ")
    ))
}

#[allow(unsafe_code)]
fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: no CLONE_FILES or CLONE_FS: no descriptor or working directory of another thread changes.
    unsafe { unshare_unsafe(flags) }
}

fn private_mounts() -> Result<(), SandboxError> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(setup("private mounts"))
}

fn enter_userns(mode: Isolation, ranges: Option<(Range, Range)>) -> Result<(), SandboxError> {
    let (uid, gid) = (getuid(), getgid());
    let mapper = match (mode, ranges) {
        (Isolation::Subuid, Some(ranges)) => Some(Mapper::start(uid, gid, ranges)?),
        _ => None,
    };
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).map_err(setup("user namespace"))?;
    match mapper {
        Some(mapper) => mapper.map()?,
        None => {
            let write = |path: &str, text: String| std::fs::write(path, text).map_err(setup(path));
            write("/proc/self/setgroups", "deny".into())?;
            write("/proc/self/uid_map", format!("0 {uid} 1"))?;
            write("/proc/self/gid_map", format!("0 {gid} 1"))?;
        }
    }
    let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(group, group, group).map_err(setup("setresgid"))?;
    setresuid(root, root, root).map_err(setup("setresuid"))?;
    if mode == Isolation::Subuid {
        setgroups(&[]).map_err(setup("setgroups"))?;
    }
    private_mounts()
}

/// First id and how many.
#[derive(Clone, Copy)]
struct Range(u32, u32);

/// The caller's ranges of uids and gids, when newuidmap(1) can use them.
fn subordinate_ranges() -> Option<(Range, Range)> {
    let helper = |name: &str| {
        ["/usr/bin", "/bin", "/usr/local/bin"].iter().any(|dir| std::path::Path::new(dir).join(name).exists())
    };
    if !helper("newuidmap") || !helper("newgidmap") {
        return None;
    }
    let name = nix::unistd::User::from_uid(getuid()).ok().flatten().map(|user| user.name);
    let find = |file: &str| {
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().find_map(|line| range_of(line, name.as_deref(), getuid().as_raw()))
    };
    Some((find("/etc/subuid")?, find("/etc/subgid")?))
}

/// The range in a line of subuid(5), if it is the user's and large enough for an image's ids.
fn range_of(line: &str, name: Option<&str>, uid: u32) -> Option<Range> {
    let mut fields = line.split(':');
    let owner = fields.next()?;
    if Some(owner) != name && owner != uid.to_string() {
        return None;
    }
    let range = Range(fields.next()?.trim().parse().ok()?, fields.next()?.trim().parse().ok()?);
    (range.1 >= 65535).then_some(range)
}

/// A child left outside the new namespace, where newuidmap(1) must run.
struct Mapper {
    child: Pid,
    go: std::os::unix::net::UnixStream,
}

impl Mapper {
    fn start(uid: Uid, gid: Gid, (uids, gids): (Range, Range)) -> Result<Self, SandboxError> {
        let (go, mut wait) = std::os::unix::net::UnixStream::pair().map_err(setup("socketpair"))?;
        let parent = std::process::id();
        match sys::clone(0).map_err(setup("fork"))? {
            sys::Side::Parent(child) => Ok(Self { child, go }),
            sys::Side::Child => {
                drop(go);
                let ready = wait.read_exact(&mut [0]).is_ok();
                let mapped = ready
                    && run_mapper("newuidmap", parent, uid.as_raw(), uids)
                    && run_mapper("newgidmap", parent, gid.as_raw(), gids);
                sys::exit_now(if mapped { 0 } else { 1 })
            }
        }
    }

    fn map(mut self) -> Result<(), SandboxError> {
        self.go.write_all(b"g").map_err(setup("id map helper"))?;
        match waitpid(self.child, None) {
            Ok(WaitStatus::Exited(_, 0)) => Ok(()),
            _ => Err(SandboxError::Setup("newuidmap or newgidmap refused the map".into())),
        }
    }
}

fn run_mapper(tool: &str, pid: u32, own: u32, range: Range) -> bool {
    let count = range.1.min(u32::MAX - 2);
    let words = [pid, 0, own, 1, 1, range.0, count].map(|word| word.to_string());
    let mut command = Command::new(tool);
    command.args(words).env_clear().env("PATH", "/usr/bin:/bin:/usr/local/bin").stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_the_users_by_name_or_number_and_large_enough() {
        let found = |line| range_of(line, Some("ann"), 1000).map(|range| (range.0, range.1));
        assert_eq!(found("ann:100000:65536"), Some((100_000, 65536)));
        assert_eq!(found("1000:5:65535"), Some((5, 65535)));
        assert_eq!(found("bob:100000:65536"), None);
        assert_eq!(found("ann:100000:10"), None);
        assert_eq!(found("ann:x:y"), None);
    }
}
