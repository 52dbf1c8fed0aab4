//! Mounts the merged view of snapshots as a detached mount, which only its file descriptor keeps.

use crate::isolation::Isolation;
use crate::{SandboxError, setup};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_fd, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, open_tree, unmount,
};
use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The most directories that a mount of overlayfs merges.
const MERGED: usize = 500;
/// The most directories in all: overlayfs accepts one of its views as a directory, but not a view of such a view.
const MAX_LOWERS: usize = 2 * MERGED - 1;

/// The trees to merge.
#[derive(Clone, Copy, Debug)]
pub struct Overlay<'a> {
    /// Directories in upper form, lowest first.
    pub lowers: &'a [PathBuf],
    /// The directory for changes, and an empty directory of the same file system for overlayfs's own use. Without them
    /// the view is read-only.
    pub upper: Option<(&'a Path, &'a Path)>,
}

/// Mounts the merged view. The mount is detached: it ends when the descriptor, and everything opened through it, is
/// closed. Directories are passed by descriptor, so their names may have any bytes.
pub fn mount_overlay(overlay: &Overlay, isolation: Isolation) -> Result<OwnedFd, SandboxError> {
    let lowers = topmost(overlay.lowers);
    let overlay = &Overlay { lowers: &lowers, ..*overlay };
    match (overlay.lowers, overlay.upper) {
        // overlayfs needs a lower directory; without one, the upper directory is the view.
        ([], Some((upper, _))) => open_dir(upper),
        ([only], None) => open_dir(only),
        ([], None) => Err(SandboxError::Setup("nothing to merge".into())),
        (lowers, _) if lowers.len() > MAX_LOWERS => {
            let what =
                format!("{} layers are too many to be mounted; at most {MAX_LOWERS} can be", lowers.len());
            Err(SandboxError::Setup(what))
        }
        (lowers, _) if lowers.len() > MERGED => {
            // The lowest are merged first: a view shows no whiteouts, but the lowest directories need none.
            let (below, above) = lowers.split_at(lowers.len() - MERGED + 1);
            let below = mount(&Overlay { lowers: below, upper: None }, None, isolation)?;
            mount(&Overlay { lowers: above, ..*overlay }, Some(below), isolation)
        }
        _ => mount(overlay, None, isolation),
    }
}

/// Each directory once, at its topmost place, where it hides its own files further below. A linked COPY that comes
/// twice gives the same snapshot twice, which overlayfs refuses as a loop.
fn topmost(lowers: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let mut kept: Vec<_> = lowers.iter().rev().filter(|lower| seen.insert(*lower)).cloned().collect();
    kept.reverse();
    kept
}

/// Merges the directories of `overlay` on top of `below`.
fn mount(overlay: &Overlay, below: Option<OwnedFd>, isolation: Isolation) -> Result<OwnedFd, SandboxError> {
    let opened = overlay.lowers.iter().map(|lower| open_path(lower));
    let lowers = below.map(Ok).into_iter().chain(opened).collect::<Result<Vec<_>, _>>()?;
    let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(setup("overlayfs"))?;
    // Topmost first, as lowerdir= has it.
    for lower in lowers.iter().rev() {
        match fsconfig_set_fd(&fs, "lowerdir+", lower) {
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL) => return mount_by_name(overlay, &lowers, isolation),
            Err(errno) => return Err(setup("overlay lower")(errno)),
        }
    }
    if let Some((upper, work)) = overlay.upper {
        fsconfig_set_fd(&fs, "upperdir", open_path(upper)?).map_err(|errno| no_upper(upper, errno))?;
        fsconfig_set_fd(&fs, "workdir", open_path(work)?).map_err(setup("overlay work"))?;
        // A snapshot is made durable as a whole, not by each fsync of a RUN.
        fsconfig_set_flag(&fs, "volatile").map_err(setup("overlay volatile"))?;
    }
    if isolation != Isolation::Root {
        fsconfig_set_flag(&fs, "userxattr").map_err(setup("overlay userxattr"))?;
    }
    for (key, value) in fixed_options(isolation) {
        fsconfig_set_string(&fs, *key, *value).map_err(setup("overlay options"))?;
    }
    fsconfig_create(&fs).map_err(|errno| match overlay.upper {
        Some((upper, _)) => no_upper(upper, errno),
        None => setup("overlay mount")(errno),
    })?;
    // A device node in an image is only data, which nothing opens.
    fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_NODEV)
        .map_err(setup("overlay mount"))
}

/// A view of `dir` that nobody can write, because its file system has no upper directory.
pub(crate) fn mount_read_only(dir: &Path) -> Result<OwnedFd, SandboxError> {
    // Without a directory for changes, overlayfs needs two others.
    let empty = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(setup("tmpfs"))?;
    fsconfig_create(&empty).map_err(setup("tmpfs"))?;
    let cloexec = FsMountFlags::FSMOUNT_CLOEXEC;
    let empty = fsmount(&empty, cloexec, MountAttrFlags::empty()).map_err(setup("tmpfs"))?;
    let view = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(setup("overlayfs"))?;
    for lower in [&open_path(dir)?, &empty] {
        fsconfig_set_fd(&view, "lowerdir+", lower).map_err(setup("overlay lower"))?;
    }
    fsconfig_create(&view).map_err(setup("overlay mount"))?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOSUID;
    fsmount(&view, cloexec, attributes).map_err(setup("overlay mount"))
}

/// nofollow, not off: a redirect in a hostile layer must not be followed, even if the kernel does so by default.
fn fixed_options(isolation: Isolation) -> &'static [(&'static str, &'static str)] {
    match isolation {
        Isolation::Root => &[("index", "off"), ("metacopy", "off"), ("redirect_dir", "nofollow")],
        _ => &[("index", "off")],
    }
}

/// The same mount for kernels before 6.13, which accept no directories by descriptor: mount(2), with each directory
/// named through `/proc/self/fd`, so that its own name may still have any bytes. The mount is made on its own lowest
/// directory, in this process's private namespace, and detached from there.
fn mount_by_name(
    overlay: &Overlay,
    lowers: &[OwnedFd],
    isolation: Isolation,
) -> Result<OwnedFd, SandboxError> {
    let name = |fd: &OwnedFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
    let mut options = format!("lowerdir={}", lowers.iter().rev().map(name).collect::<Vec<_>>().join(":"));
    let upper = overlay
        .upper
        .map(|(upper, work)| Ok::<_, SandboxError>((open_path(upper)?, open_path(work)?)))
        .transpose()?;
    if let Some((upper, work)) = &upper {
        options += &format!(",upperdir={},workdir={},volatile", name(upper), name(work));
    }
    for (key, value) in fixed_options(isolation) {
        options += &format!(",{key}={value}");
    }
    if isolation != Isolation::Root {
        options += ",userxattr";
    }
    // mount(2) silently cuts its options at a page.
    if options.len() >= 4096 {
        let what =
            format!("{} layers; this kernel merges about 200 (6.13 and later merge {MERGED})", lowers.len());
        return Err(SandboxError::Setup(what));
    }
    let place = lowers.first().map(name).unwrap_or_default();
    let options = CString::new(options).map_err(setup("overlay options"))?;
    rustix::mount::mount("overlay", &place, "overlay", MountFlags::NODEV, Some(options.as_c_str())).map_err(
        |errno| match overlay.upper {
            Some((upper, _)) => no_upper(upper, errno),
            None => setup("overlay mount")(errno),
        },
    )?;
    let path = &overlay.lowers[0];
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, path, clone).map_err(setup("overlay mount"));
    unmount(path, UnmountFlags::DETACH).map_err(setup("overlay mount"))?;
    tree
}

/// The reason why changes can't go to `upper`: most often its file system.
fn no_upper(upper: &Path, errno: rustix::io::Errno) -> SandboxError {
    // f_type of statfs(2), cut to 32 bits.
    let name = match rustix::fs::statfs(upper).map(|found| found.f_type as u32) {
        Ok(0x794c_7630) => "overlayfs, as in a container,",
        Ok(0x6969) => "NFS",
        Ok(0x0102_1997) => "9p",
        Ok(0xff53_4d42 | 0xfe53_4d42) => "SMB",
        Ok(0x6573_5546) => "FUSE",
        Ok(0x4d44 | 0x2011_bab0) => "FAT",
        _ => return setup("overlay mount")(errno),
    };
    SandboxError::Setup(format!(
        "the store is on {name} which overlayfs can't keep changes on ({errno}); name a store elsewhere by --store or \
         STAGEPIPE_STORE: on a volume, a tmpfs or another file system of this machine"
    ))
}

fn open_dir(path: &Path) -> Result<OwnedFd, SandboxError> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(setup(&path.display().to_string()))
}

fn open_path(path: &Path) -> Result<OwnedFd, SandboxError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(setup(&path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Each test has its own thread, and a mount namespace is a thread's: what is mounted here is seen by
    /// nothing else.
    fn private() -> bool {
        crate::enter(Some(Isolation::Root)).is_ok()
    }

    #[test]
    fn an_old_kernels_mount_shows_the_same_tree() {
        if !private() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b,c:d", "up", "work"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("a/x"), "low").unwrap();
        fs::write(dir.path().join("b,c:d/x"), "high").unwrap();
        let lowers = [dir.path().join("a"), dir.path().join("b,c:d")];
        let (up, work) = (dir.path().join("up"), dir.path().join("work"));
        let overlay = Overlay { lowers: &lowers, upper: Some((&up, &work)) };
        let fds: Vec<_> = lowers.iter().map(|lower| open_path(lower).unwrap()).collect();
        let merged = mount_by_name(&overlay, &fds, Isolation::Root).unwrap();
        let root = libtree::Root::from_fd(merged, libtree::Owners::Real);
        assert_eq!(root.read_small(b"x", 10).unwrap(), b"high");
        let fd = root.open_at(b"y", OFlags::CREATE | OFlags::WRONLY, 0o644).unwrap();
        drop(fd);
        assert!(up.join("y").exists());
        assert_eq!(fs::read_dir(&lowers[0]).unwrap().count(), 1, "the lowest directory is uncovered again");
    }

    #[test]
    fn more_directories_than_one_mount_merges_are_one_view() {
        if !private() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let lowers: Vec<_> = (0..MAX_LOWERS).map(|n| dir.path().join(n.to_string())).collect();
        for lower in &lowers {
            fs::create_dir(lower).unwrap();
            fs::write(lower.join("last"), lower.file_name().unwrap().as_encoded_bytes()).unwrap();
        }
        // A file that was removed in a directory above is not there, whichever mount has the two.
        for (name, made, removed) in [("a", 0, 1), ("b", 0, 700), ("c", 700, 701)] {
            fs::write(lowers[made].join(name), "x").unwrap();
            let whiteout = (rustix::fs::FileType::CharacterDevice, Mode::empty(), 0);
            rustix::fs::mknodat(CWD, lowers[removed].join(name), whiteout.0, whiteout.1, whiteout.2).unwrap();
        }
        fs::write(lowers[0].join("kept"), "x").unwrap();
        let (up, work) = (dir.path().join("up"), dir.path().join("work"));
        [&up, &work].into_iter().for_each(|dir| fs::create_dir(dir).unwrap());
        for upper in [None, Some((up.as_path(), work.as_path()))] {
            let merged = mount_overlay(&Overlay { lowers: &lowers, upper }, Isolation::Root).unwrap();
            let root = libtree::Root::from_fd(merged, libtree::Owners::Real);
            assert_eq!(root.read_small(b"last", 10).unwrap(), (MAX_LOWERS - 1).to_string().as_bytes());
            assert_eq!(root.read_small(b"kept", 10).unwrap(), b"x");
            assert!([b"a", b"b", b"c"].iter().all(|name| root.lstat(*name).is_err()));
        }
        let more = dir.path().join("more");
        fs::create_dir(&more).unwrap();
        let lowers = [&lowers[..], &[more]].concat();
        let error = mount_overlay(&Overlay { lowers: &lowers, upper: None }, Isolation::Root).unwrap_err();
        assert!(error.to_string().contains("at most 999"), "{error}");
    }
}
