//! Runs an image of the store, or the tree of a failed step. Changes go to a layer that is thrown away afterwards.
//!
//! The command's input and output are relayed from and to the caller's standard streams. The image and the
//! store's snapshots are never changed.

mod command;
pub mod env_file;
mod explain;
mod failed;
pub mod mounts;
pub mod publish;
mod readonly_store;

pub use command::{argv, environment};
pub use failed::run_failed;

use crate::mounts::ExtraMount;
use libcli::{Exit, Failure};
use libsandbox::{Cgroups, Isolation, Job, Network, OnSignal, Outcome, Overlay, Stdio, mount_overlay};
use libstore::{Store, StoreError, Unpack};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The options of the command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program instead of the image's ENTRYPOINT and CMD; an empty word removes both.
    pub entrypoint: Option<OsString>,
    /// The words instead of the image's CMD, if there are any.
    pub command: Vec<OsString>,
    /// Variables that replace those of the image.
    pub env: Vec<(OsString, OsString)>,
    /// The directory instead of the image's WORKDIR.
    pub workdir: Option<PathBuf>,
    /// The user instead of the image's USER.
    pub user: Option<String>,
    /// Mounts besides those that every command has.
    pub mounts: Vec<ExtraMount>,
    /// Whether the image's tree can't be written.
    pub readonly: bool,
    /// Its network.
    pub network: Network,
    /// Its host name.
    pub hostname: String,
    /// `NAME` and address for /etc/hosts.
    pub add_hosts: Vec<(String, String)>,
    /// Whether it gets a terminal of its own, relayed to the caller's.
    pub terminal: bool,
    /// The seconds until it is killed after a signal.
    pub grace: u64,
}

/// Docker's size of /dev/shm.
const SHM: u64 = 64 << 20;

/// Runs the image `name`, and returns the end of its command.
pub fn run(
    store: &Store,
    isolation: Isolation,
    name: &str,
    options: &Options,
    warn: &mut dyn FnMut(&str),
) -> Result<Outcome, Failure> {
    let image = store.image(&store.find(name)?.descriptor)?;
    let config = &image.config.config;
    let argv = argv(config, options.entrypoint.as_ref(), &options.command).ok_or_else(|| {
        Failure::failed(name, "the image has neither ENTRYPOINT nor CMD; give a command after its name")
    })?;
    let mounts = mounts::ready(&options.mounts)?;
    readonly_store::make_room_for(store, &image)?;
    let mount = |lowers: &[PathBuf], upper: &Path, work: &Path| {
        mount_overlay(&Overlay { lowers, upper: Some((upper, work)) }, isolation).map_err(io::Error::other)
    };
    let snapshots = store.unpack(&image, &Unpack { owners: isolation.owners(), mount: &mount })?;
    store.take_warnings().iter().for_each(|warning| warn(warning));
    // It is never published, so it is removed with all changes of the command when it is dropped.
    let layer = store.new_snapshot(&snapshots)?;
    let scratch = layer.upper().with_file_name("scratch");
    std::fs::create_dir(&scratch).map_err(StoreError::io(format!("cannot make {}", scratch.display())))?;
    let workdir = options.workdir.as_deref().unwrap_or(Path::new(&config.working_dir));
    let job = Job {
        lowers: snapshots.iter().map(|id| store.snapshot_fs(id)).collect::<Result<_, _>>()?,
        upper: layer.upper().to_owned(),
        work: layer.work().to_owned(),
        scratch,
        argv,
        env: environment(config, &options.hostname, &options.env),
        cwd: Path::new("/").join(workdir),
        user: options.user.clone().unwrap_or_else(|| config.user.clone()),
        mounts,
        readonly: options.readonly,
        network: options.network,
        hostname: options.hostname.clone(),
        add_hosts: options.add_hosts.clone(),
        writable_etc: !options.readonly,
        shm_size: SHM,
        ulimits: Vec::new(),
        cgroups: Cgroups::default(),
        timeout: None,
        insecure: false,
        no_new_privileges: false,
        stdio: if options.terminal { Stdio::Terminal } else { Stdio::Relayed },
        on_signal: OnSignal::PassOn,
        grace: options.grace,
        silent: None,
    };
    explain::run(name, &job, isolation)
}

/// The failure with the status 125, which commands seldom have: the tool itself failed. The status for a wrong command
/// line stays.
pub fn own_failure(failure: Failure) -> Failure {
    match failure.exit() {
        Exit::Status(_) | Exit::Usage => failure,
        _ => failure.with_exit(Exit::Status(125)),
    }
}
