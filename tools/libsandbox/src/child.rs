//! Programs of the host that help a tool, and must not go on without it.

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
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
