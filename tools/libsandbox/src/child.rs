//! Starts programs of the host that help a tool, and must not outlive it.

use crate::enter::unshare;
use rustix::process::{Signal, getgid, getppid, getuid, set_parent_process_death_signal};
use rustix::thread::UnshareFlags;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes `command`'s process end with the thread that starts it.
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

/// The user for whom a tool works, by ids outside of the user namespace that the tools enter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user's id.
    pub uid: u32,
    /// The id of the group.
    pub gid: u32,
}

impl Caller {
    /// The variable by which a tool in a namespace passes the ids to programs that it starts.
    pub const VARIABLE: &str = "STAGEPIPE_CALLER";

    /// The caller that [`Caller::VARIABLE`] names, or else the user of this process. It must be called before
    /// [`crate::enter`].
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let told = variable(Self::VARIABLE).and_then(|text| {
            let (uid, gid) = text.to_str()?.split_once(':')?;
            Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        });
        told.unwrap_or_else(|| Self { uid: getuid().as_raw(), gid: getgid().as_raw() })
    }

    /// Runs `command` as this user, with these ids even in a user namespace in which the user is root. Otherwise
    /// services of the user's session refuse the program.
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

/// The value for [`Caller::VARIABLE`].
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}
