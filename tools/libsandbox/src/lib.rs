//! Namespaces, id maps, overlay mounts and the sandbox of a RUN.
//!
//! [`enter`] moves a tool to namespaces in which the store's trees have their owners; [`mount_overlay`] gives the
//! merged view of snapshots as a file descriptor; [`run`] runs a command in it, which sees nothing of the host and
//! leaves no process; [`Failed`] says why a command failed. This crate knows no image, no Dockerfile and no store.
//!
//! The order of system calls is the design: see the modules `run` (outside), `init` (pid 1) and
//! `rootfs` (what the command sees). `seccomp` filters the command's system calls.
//! The mode that needs no namespaces has its place in [`Isolation`].

mod binary;
mod caps;
mod cgroup;
mod child;
mod cmdline;
mod driver;
mod enter;
mod failed;
mod fork;
pub mod ids;
mod init;
mod isolation;
mod job;
mod kernel;
mod overlay;
mod relay;
mod rootfs;
mod run;
mod seal;
mod seccomp;
mod signals;
mod stub;
mod subids;
mod sys;
mod terminal;

pub use cgroup::{Cgroups, Limits};
pub use child::{Caller, end_with_parent};
pub use driver::{end_with_driver, has_driver};
pub use enter::enter;
pub use failed::{Failed, Reason, left_tree};
pub use isolation::Isolation;
pub use job::{Channel, Job, Mount, MountSource, Network, OnSignal, Outcome, Stdio, Ulimit};
pub use overlay::{Overlay, mount_overlay};
pub use rootfs::mount_memory;
pub use run::run;
pub use seal::{own_directory, seal};
pub use signals::driver_is_gone;
pub use subids::too_few_ids;

use std::io;

/// The reason why a sandbox can't be had, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No mode of isolation works here; the text says what was tried, and what helps.
    #[error("{0}")]
    Unavailable(String),
    /// Setting up failed before the command ran.
    #[error("cannot set up the sandbox: {0}")]
    Setup(String),
    /// The user can't be had.
    #[error(transparent)]
    User(#[from] ids::IdError),
    /// The user can't be had, as pid 1 found.
    #[error("{0}")]
    NoUser(String),
    /// A signal ended the run; the command is gone.
    #[error("interrupted by signal {0}")]
    Interrupted(i32),
    /// The callback that takes the output failed; the command is gone.
    #[error("cannot pass on the command's output: {0}")]
    Output(io::Error),
    /// The sandbox did not answer.
    #[error(
        "the sandbox did not start within {0} seconds and was ended; look in dmesg for a lack of memory or a disk that does not answer, and try again"
    )]
    NotStarted(u64),
    /// The command is gone, but pid 1 said nothing about it.
    #[error("the sandbox ended without saying how; was it killed?")]
    Lost,
}

/// Adds the operation to the error of a system call.
pub(crate) fn setup<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> SandboxError + '_ {
    move |error| SandboxError::Setup(format!("{what}: {error}"))
}
