//! Programs of the host that help a tool, and must not go on without it.

use crate::enter::unshare;
use rustix::process::{Signal, getgid, getppid, getuid, set_parent_process_death_signal};
use rustix::thread::UnshareFlags;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has `command`'s process ended when the thread that starts it is no more.
#[allow(unsafe_code)]
pub fn end_with_parent(command: &mut Command) -> &mut Command {
    let parent = rustix::process::getpid();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        match getppid() == Some(parent) {
            true => Ok(()),
            false => Err(io::Error::other("the parent is gone")),
        }
    };
    // SAFETY: between fork and exec it makes two system calls and allocates only to fail.
    unsafe { command.pre_exec(tie) }
}

/// The user for whom a tool works, by the ids outside of the user namespace that the suite enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user's id.
    pub uid: u32,
    /// The id of the group.
    pub gid: u32,
}

impl Caller {
    /// The variable in which a tool that has entered a namespace tells those that it starts.
    pub const VARIABLE: &str = "STAGEPIPE_CALLER";

    /// The caller that [`Caller::VARIABLE`] names, else whoever this process is. Ask before [`crate::enter`].
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let told = variable(Self::VARIABLE).and_then(|text| {
            let (uid, gid) = text.to_str()?.split_once(':')?;
            Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        });
        told.unwrap_or_else(|| Self { uid: getuid().as_raw(), gid: getgid().as_raw() })
    }

    /// Has `command`'s process be this user, with these ids, in a user namespace too where its user is root: programs
    /// that ask a service of the user's session are refused otherwise.
    #[allow(unsafe_code)]
    pub fn runs(self, command: &mut Command) -> &mut Command {
        let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
        if (uid, gid) == (self.uid, self.gid) {
            return command;
        }
        let (uids, gids) = (format!("{} {uid} 1", self.uid), format!("{} {gid} 1", self.gid));
        let enter = move || {
            unshare(UnshareFlags::NEWUSER)?;
            fs::write("/proc/self/uid_map", &uids)?;
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/gid_map", &gids)
        };
        // SAFETY: between fork and exec it makes system calls alone, by names too short to be allocated.
        unsafe { command.pre_exec(enter) }
    }
}

/// As it stands in [`Caller::VARIABLE`].
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}
