//! Enters the tree that a failed step of a build left, or the tree before it, with the step's environment, user,
//! directory and mounts. Changes go to a layer that is thrown away afterwards. Secrets and agents are not there.

use crate::mounts::ready;
use crate::readonly_store::make_room;
use crate::{Options, explain};
use libcli::Failure;
use libsandbox::{
    Cgroups, Isolation, Job, Mount, MountSource, Network, OnSignal, Outcome, Overlay, Stdio, Ulimit,
    mount_overlay,
};
use libstore::{
    CacheMount, FailedMount, FailedSource, FailedStep, KeptFailure, NewSnapshot, Sharing, Store, StoreError,
};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Values that must live as long as the mounts are used.
#[derive(Default)]
struct Held {
    caches: Vec<CacheMount>,
    scratch: Vec<NewSnapshot>,
}

/// Runs the command of `options`, or the stage's shell, in the tree that the failed step `id` left, or in the tree
/// `before` it.
pub fn run_failed(
    store: &Store,
    isolation: Isolation,
    id: &str,
    before: bool,
    options: &Options,
) -> Result<Outcome, Failure> {
    let kept = store.failure(id)?.ok_or_else(|| {
        Failure::failed(format!("--failed {id}"), "not there; only the last failure of a store is kept")
    })?;
    let step = &kept.step;
    if step.isolation != isolation.name() {
        let what = format!("the step ran with --isolation {}; add that", step.isolation);
        return Err(Failure::failed(format!("--failed {id}"), what));
    }
    make_room(store)?;
    let mut held = Held::default();
    let mut mounts = mounts(store, isolation, &kept, &mut held)?;
    mounts.extend(ready(&options.mounts)?);
    let layer = store.new_snapshot(&step.parents)?;
    let scratch = layer.upper().with_file_name("scratch");
    std::fs::create_dir(&scratch).map_err(StoreError::io(format!("cannot make {}", scratch.display())))?;
    let mut lowers = lowers(store, &step.parents)?;
    if !before {
        lowers.push(kept.fs());
    }
    let job = Job {
        lowers,
        upper: layer.upper().to_owned(),
        work: layer.work().to_owned(),
        scratch,
        argv: argv(step, options),
        env: environment(step, options),
        cwd: options.workdir.clone().unwrap_or_else(|| PathBuf::from(&step.cwd)),
        user: options.user.clone().unwrap_or_else(|| step.user.clone()),
        mounts,
        readonly: options.readonly,
        network: if step.no_network { Network::None } else { options.network },
        hostname: step.hostname.clone(),
        add_hosts: step.add_hosts.iter().chain(&options.add_hosts).cloned().collect(),
        writable_etc: false,
        shm_size: step.shm_size,
        ulimits: step
            .ulimits
            .iter()
            .map(|(name, soft, hard)| Ulimit { name: name.clone(), soft: *soft, hard: *hard })
            .collect(),
        cgroups: Cgroups::default(),
        timeout: None,
        insecure: step.insecure,
        no_new_privileges: step.no_new_privileges,
        stdio: if options.terminal { Stdio::Terminal } else { Stdio::Relayed },
        on_signal: OnSignal::PassOn,
        grace: options.grace,
        silent: None,
    };
    explain::run("--failed", &job, isolation)
}

fn argv(step: &FailedStep, options: &Options) -> Vec<OsString> {
    let program = options.entrypoint.clone().filter(|program| !program.is_empty());
    match (program, options.command.is_empty()) {
        (None, true) => vec![step.shell.clone().into()],
        (program, _) => program.into_iter().chain(options.command.iter().cloned()).collect(),
    }
}

fn environment(step: &FailedStep, options: &Options) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> =
        step.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    for (name, value) in &options.env {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), value.clone()));
    }
    env
}

fn lowers(store: &Store, ids: &[String]) -> Result<Vec<PathBuf>, StoreError> {
    ids.iter().map(|id| store.snapshot_fs(id)).collect()
}

fn mounts(
    store: &Store,
    isolation: Isolation,
    kept: &KeptFailure,
    held: &mut Held,
) -> Result<Vec<Mount>, Failure> {
    let mut mounts = Vec::new();
    for FailedMount { target, readonly, source } in &kept.step.mounts {
        let bind = |lowers: &[PathBuf], path: &str, held: &mut Held| -> Result<MountSource, Failure> {
            let tree = merged(store, isolation, lowers, *readonly, held)?;
            Ok(MountSource::Bind { tree, path: path.as_bytes().to_vec() })
        };
        let source = match source {
            FailedSource::Snapshots { ids, path } => bind(&lowers(store, ids)?, path, held)?,
            FailedSource::View { number, path } => bind(&[kept.view(*number)], path, held)?,
            FailedSource::Cache { id, path } => {
                let cache = store.cache_mount(id, Sharing::Shared)?;
                let tree = std::fs::File::open(cache.path()).map_err(cannot_mount(target))?;
                held.caches.push(cache);
                MountSource::Bind { tree: tree.into(), path: path.clone().into_bytes() }
            }
            FailedSource::Tmpfs { size } => MountSource::Tmpfs { size: *size, mode: 0o1777, noexec: false },
            FailedSource::Script { text } => {
                MountSource::File { bytes: text.clone().into_bytes(), mode: 0o755, uid: 0, gid: 0 }
            }
        };
        mounts.push(Mount { target: target.into(), source, readonly: *readonly });
    }
    Ok(mounts)
}

/// The merged view of trees. Changes to it are thrown away.
fn merged(
    store: &Store,
    isolation: Isolation,
    lowers: &[PathBuf],
    readonly: bool,
    held: &mut Held,
) -> Result<OwnedFd, Failure> {
    let scratch = store.new_snapshot(&[])?;
    let upper = (!readonly).then(|| (scratch.upper(), scratch.work()));
    let tree = mount_overlay(&Overlay { lowers, upper }, isolation).map_err(cannot_mount("a mount"));
    held.scratch.push(scratch);
    tree
}

fn cannot_mount<E: std::fmt::Display>(target: &str) -> impl FnOnce(E) -> Failure + '_ {
    move |error| Failure::failed(target, error)
}
