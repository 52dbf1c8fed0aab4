//! The merged view of snapshots, as a mount that hangs nowhere but on its file descriptor.

use crate::{Isolation, SandboxError, setup};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_fd, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The most layers overlayfs stacks.
pub const MAX_LAYERS: usize = 500;

/// What to merge.
#[derive(Clone, Copy, Debug)]
pub struct Overlay<'a> {
    /// Directories in upper form, lowest first.
    pub lowers: &'a [PathBuf],
    /// Where changes go, and an empty directory of the same file system for overlayfs's own use.
    /// Without them the view is read-only.
    pub upper: Option<(&'a Path, &'a Path)>,
}

/// Mounts the merged view. The mount is detached: it ends when the descriptor, and everything opened
/// through it, is closed. Directories are passed by descriptor, so their names may hold anything.
pub fn mount_overlay(overlay: &Overlay, isolation: Isolation) -> Result<OwnedFd, SandboxError> {
    if overlay.lowers.len() > MAX_LAYERS {
        return Err(SandboxError::Setup(format!(
            "{} layers; overlayfs stacks at most {MAX_LAYERS}",
            overlay.lowers.len()
        )));
    }
    match (overlay.lowers, overlay.upper) {
        // overlayfs wants something below; alone, the upper directory is its own view.
        ([], Some((upper, _))) => open_dir(upper),
        ([only], None) => open_dir(only),
        ([], None) => Err(SandboxError::Setup("nothing to merge".into())),
        _ => mount(overlay, isolation),
    }
}

fn mount(overlay: &Overlay, isolation: Isolation) -> Result<OwnedFd, SandboxError> {
    let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(setup("overlayfs"))?;
    // Topmost first, as lowerdir= has it.
    for lower in overlay.lowers.iter().rev() {
        fsconfig_set_fd(&fs, "lowerdir+", open_path(lower)?).map_err(setup("overlay lower"))?;
    }
    if let Some((upper, work)) = overlay.upper {
        fsconfig_set_fd(&fs, "upperdir", open_path(upper)?).map_err(setup("overlay upper"))?;
        fsconfig_set_fd(&fs, "workdir", open_path(work)?).map_err(setup("overlay work"))?;
        // A snapshot is made durable when it is published, not by each fsync of a RUN.
        fsconfig_set_flag(&fs, "volatile").map_err(setup("overlay volatile"))?;
    }
    if isolation != Isolation::Root {
        fsconfig_set_flag(&fs, "userxattr").map_err(setup("overlay userxattr"))?;
    }
    // nofollow, not off: a layer's smuggled redirect must not be followed where the kernel is built to.
    let fixed: &[(&str, &str)] = match isolation {
        Isolation::Root => &[("index", "off"), ("metacopy", "off"), ("redirect_dir", "nofollow")],
        _ => &[("index", "off")],
    };
    for (key, value) in fixed {
        fsconfig_set_string(&fs, *key, *value).map_err(setup("overlay options"))?;
    }
    fsconfig_create(&fs).map_err(setup("overlay mount"))?;
    // A device node in an image is data: nothing opens it.
    let attributes = match isolation {
        Isolation::Root => MountAttrFlags::MOUNT_ATTR_NODEV,
        _ => MountAttrFlags::empty(),
    };
    fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(setup("overlay mount"))
}

fn open_dir(path: &Path) -> Result<OwnedFd, SandboxError> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(setup(&path.display().to_string()))
}

fn open_path(path: &Path) -> Result<OwnedFd, SandboxError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(setup(&path.display().to_string()))
}
