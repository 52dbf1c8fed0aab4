//! Makes the root file system of a command: the image's tree with its own /dev, /proc and /sys, the requested mounts,
//! and nothing of the host. Every target is opened inside the image without following a link.

use crate::isolation::Isolation;
use crate::job::{Job, Mount, MountSource};
use crate::overlay::{Overlay, mount_overlay};
use crate::stub::{self, Point};
use crate::sys::{self, ATTR_NODEV, ATTR_NOEXEC, ATTR_NOSUID, ATTR_RDONLY};
use crate::{SandboxError, setup};
use libtree::{Meta, Owners, Root};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};
use std::fs::{File, create_dir};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::slice;

/// A file that every sandbox has: path in the image, and its text.
pub(crate) struct HostFile {
    pub(crate) path: &'static str,
    pub(crate) text: String,
    pub(crate) writable: bool,
}

/// A mount whose source is already detached from the caller's namespace.
pub(crate) struct Prepared {
    target: Vec<u8>,
    tree: Option<OwnedFd>,
    dir: bool,
}

/// Detaches the sources of bind mounts. The kernel requires that this is done in the caller's own mount namespace,
/// before the sandbox's exists.
pub(crate) fn prepare(mounts: &[Mount], scratch: &Path) -> Result<Vec<Prepared>, SandboxError> {
    let prepare = |(at, mount): (usize, &Mount)| {
        let target = mount.target.as_os_str().as_bytes().to_vec();
        let (clone, attributes) = match &mount.source {
            MountSource::Bind { tree, path } => {
                (detach(tree, path, &scratch.join(format!("source{at}")))?, ATTR_NODEV)
            }
            MountSource::Host(path) => (detach_host(path)?, ATTR_NODEV | ATTR_NOSUID),
            other => {
                let dir = matches!(other, MountSource::Tmpfs { .. });
                return Ok(Prepared { target, tree: None, dir });
            }
        };
        let dir = Meta::of(&clone).map_err(setup("mount source"))?.is_dir();
        // Mounts below the source are included, with attributes of their own.
        let attributes = attributes | if mount.readonly { ATTR_RDONLY } else { 0 };
        sys::set_mount_attributes(&clone, attributes, true).map_err(setup("attributes of a mount"))?;
        Ok(Prepared { target, tree: Some(clone), dir })
    };
    mounts.iter().enumerate().map(prepare).collect()
}

/// A tree with all mounts in it. A user namespace may not clone a tree without the mounts in it.
fn whole_tree() -> OpenTreeFlags {
    OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE
}

/// Detaches a copy of the caller's mounts at `path`. Links may lead anywhere, because they are the caller's own.
fn detach_host(path: &Path) -> Result<OwnedFd, SandboxError> {
    let name = path.display().to_string();
    let source = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    open_tree(source.map_err(setup(&name))?, "", whole_tree()).map_err(setup(&name))
}

fn detach(tree: &OwnedFd, path: &[u8], place: &Path) -> Result<OwnedFd, SandboxError> {
    let clone = |tree: &OwnedFd| {
        let source = libtree::root::open_below(tree, path, OFlags::PATH, 0).map_err(setup("mount source"))?;
        Ok::<_, SandboxError>(open_tree(&source, "", whole_tree()))
    };
    match clone(tree)? {
        Ok(clone) => Ok(clone),
        // Kernels before 6.15 clone only from attached mounts.
        Err(Errno::INVAL) => {
            create_dir(place).map_err(setup("mount source"))?;
            attach(tree, CWD, place.as_os_str().as_bytes()).map_err(setup("mount source"))?;
            let cloned = clone(tree)?.map_err(setup("mount source"));
            unmount(place, UnmountFlags::DETACH).map_err(setup("mount source"))?;
            cloned
        }
        Err(errno) => Err(setup("mount source")(errno)),
    }
}

pub(crate) fn attach(mount: impl AsFd, dir: impl AsFd, path: &[u8]) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", dir, path, flags)
}

/// Builds the root inside the sandbox's new mount namespace and makes it `/`.
pub(crate) fn build(
    job: &Job,
    isolation: Isolation,
    prepared: &[Prepared],
    files: &[HostFile],
) -> Result<(), SandboxError> {
    // All nodes, files and directories below get exactly the modes that are given.
    rustix::process::umask(Mode::empty());
    let mut lowers = job.lowers.clone();
    if lowers.is_empty() {
        let empty = job.scratch.join("empty");
        create_dir(&empty).map_err(setup("scratch directory"))?;
        lowers.push(empty);
    }
    let image = merged_image(job, &lowers, isolation)?;
    let targets = targets(&image, prepared, files)?;
    let points: Vec<Point> = fixed_points().chain(targets.iter().map(Target::point)).collect();
    let stub_dir = job.scratch.join("stub");
    if stub::lay(&stub_dir, &image, &points)? {
        lowers.push(stub_dir);
    }
    drop(image);
    let merged =
        mount_overlay(&Overlay { lowers: &lowers, upper: Some((&job.upper, &job.work)) }, isolation)?;
    let memory = hidden_memory(&job.scratch)?;
    mkdirat(&memory, "root", Mode::RWXU).map_err(setup("root"))?;
    attach(&merged, &memory, b"root").map_err(setup("root"))?;
    let root = Tree { root: merged };
    root.devices(job, isolation, &memory)?;
    root.kernel_filesystems(job, isolation)?;
    for (at, target) in targets.iter().enumerate() {
        root.make_point(target).map_err(|errno| no_point(errno, target, &targets[..at]))?;
        root.mount_target(job, target, prepared, files, &memory, at)?;
    }
    if !job.insecure {
        root.protect()?;
    }
    root.enter()
}

fn merged_image(job: &Job, lowers: &[PathBuf], isolation: Isolation) -> Result<Root, SandboxError> {
    // The upper is part of the view too: image-run and a re-entered step have content there.
    let lowers = [lowers, slice::from_ref(&job.upper)].concat();
    let merged = mount_overlay(&Overlay { lowers: &lowers, upper: None }, isolation)?;
    Ok(Root::from_fd(merged, isolation.owners()))
}

fn fixed_points() -> impl Iterator<Item = Point> {
    ["dev", "proc", "sys"].into_iter().map(|path| Point { path: path.into(), dir: true })
}

/// The mount points besides the fixed ones.
struct Target {
    path: Vec<u8>,
    dir: bool,
    from: From,
}

#[derive(Clone, Copy)]
enum From {
    Mount(usize),
    File(usize),
}

impl Target {
    fn point(&self) -> Point {
        // Targets in /dev are on our own tmpfs, not in the image.
        Point { path: self.path.clone(), dir: self.dir }
    }
}

fn targets(image: &Root, prepared: &[Prepared], files: &[HostFile]) -> Result<Vec<Target>, SandboxError> {
    let mut targets = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let path = image.resolve(file.path.as_bytes(), true).map_err(setup(file.path))?;
        targets.push(Target { path, dir: false, from: From::File(at) });
    }
    for (at, mount) in prepared.iter().enumerate() {
        let name = String::from_utf8_lossy(&mount.target).into_owned();
        let path = image.resolve(&mount.target, true).map_err(setup(&name))?;
        if path.is_empty() {
            return Err(SandboxError::Setup("a mount can't have the root as its target".into()));
        }
        // Masked files in /proc must stay masked, and the files that mask them are in /dev.
        if path.starts_with(b"proc/") || path == b"proc" || path == b"dev" {
            let what =
                format!("{name}: nothing can be mounted on /dev, nor on or in /proc; choose another target");
            return Err(SandboxError::Setup(what));
        }
        targets.push(Target { path, dir: mount.dir, from: From::Mount(at) });
    }
    Ok(targets)
}

/// A tmpfs for our device nodes, the only ones that open, and for files. It is mounted on `place`, where no command
/// sees it, because kernels before 6.15 clone only from attached mounts.
fn hidden_memory(place: &Path) -> Result<OwnedFd, SandboxError> {
    let mount = new_mount("tmpfs", &[("mode", "0700")], ATTR_NOSUID | ATTR_NOEXEC)?;
    attach(&mount, CWD, place.as_os_str().as_bytes()).map_err(setup("memory"))?;
    Ok(mount)
}

/// A mount of the file `name` in `dir`.
pub(crate) fn clone_of(dir: impl AsFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(dir, name, if name.is_empty() { flags | OpenTreeFlags::AT_EMPTY_PATH } else { flags })
}

pub(crate) fn new_mount(
    kind: &str,
    options: &[(&str, &str)],
    attributes: u64,
) -> Result<OwnedFd, SandboxError> {
    let fs = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).map_err(setup(kind))?;
    for (key, value) in options {
        match value.is_empty() {
            true => fsconfig_set_flag(&fs, *key).map_err(setup(kind))?,
            false => fsconfig_set_string(&fs, *key, *value).map_err(setup(kind))?,
        }
    }
    fsconfig_create(&fs).map_err(setup(kind))?;
    let attributes = MountAttrFlags::from_bits_retain(attributes as u32);
    fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(setup(kind))
}

/// The root that is being built.
pub(crate) struct Tree {
    root: OwnedFd,
}

impl Tree {
    /// Mounts on a path of the root, opened without following any link.
    pub(crate) fn mount(&self, path: &[u8], mount: &OwnedFd) -> Result<(), SandboxError> {
        let name = String::from_utf8_lossy(path);
        attach(mount, self.open(path).map_err(setup(&name))?, b"").map_err(setup(&name))
    }

    pub(crate) fn open(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.root, path, flags, Mode::empty(), resolve)
    }

    fn mount_target(
        &self,
        job: &Job,
        target: &Target,
        prepared: &[Prepared],
        files: &[HostFile],
        memory: &OwnedFd,
        at: usize,
    ) -> Result<(), SandboxError> {
        let name = format!("{at}");
        let file = |bytes: &[u8], mode, uid, gid, readonly| {
            memory_file(memory, &name, bytes, (mode, uid, gid), readonly)
        };
        let mount = match target.from {
            From::File(at) => file(files[at].text.as_bytes(), 0o644, 0, 0, !files[at].writable)?,
            From::Mount(at) => {
                if let Some(tree) = &prepared[at].tree {
                    return self.mount(&target.path, tree);
                }
                let readonly = job.mounts[at].readonly;
                match &job.mounts[at].source {
                    MountSource::Tmpfs { size, mode, noexec } => {
                        let noexec = if *noexec { ATTR_NOEXEC } else { 0 };
                        tmpfs(*size, *mode, noexec | if readonly { ATTR_RDONLY } else { 0 })?
                    }
                    MountSource::File { bytes, mode, uid, gid } => file(bytes, *mode, *uid, *gid, readonly)?,
                    MountSource::Bind { .. } | MountSource::Host(_) => {
                        return Err(SandboxError::Setup("a mount was not prepared".into()));
                    }
                }
            }
        };
        self.mount(&target.path, &mount)
    }

    /// Below an earlier mount (our /dev, a tmpfs, a cache) the stub layer is hidden, so a missing point is made there.
    fn make_point(&self, target: &Target) -> rustix::io::Result<()> {
        if self.open(&target.path).is_ok() {
            return Ok(());
        }
        let open = |dir: &OwnedFd, name: &[u8]| {
            openat(dir, name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        };
        let parts: Vec<_> = libtree::root::components(&target.path).collect();
        let mut dir = open(&self.root, b".")?;
        for (at, part) in parts.iter().enumerate() {
            if at + 1 == parts.len() && !target.dir {
                let mode = Mode::from_raw_mode(0o644);
                return openat(&dir, *part, OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW, mode)
                    .map(drop);
            }
            match mkdirat(&dir, *part, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            dir = open(&dir, part)?;
        }
        Ok(())
    }

    fn enter(self) -> Result<(), SandboxError> {
        rustix::process::fchdir(&self.root).map_err(setup("root"))?;
        rustix::process::pivot_root(".", ".").map_err(setup("pivot_root"))?;
        unmount(".", UnmountFlags::DETACH).map_err(setup("old root"))?;
        rustix::process::chdir("/").map_err(setup("root"))
    }
}

/// Makes the image's tree, which is `/` by now, read-only, but not the mounts in it.
pub(crate) fn close_to_writes() -> Result<(), SandboxError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open("/", flags, Mode::empty()).map_err(setup("/"))?;
    sys::set_mount_attributes(&root, ATTR_RDONLY, false).map_err(setup("read-only root"))
}

/// The reason why there is no place for `target`. The mounts in `mounted` came before it.
fn no_point(errno: Errno, target: &Target, mounted: &[Target]) -> SandboxError {
    let covers =
        |above: &&Target| target.path.strip_prefix(&*above.path).is_some_and(|below| below.starts_with(b"/"));
    let (name, kind) = (String::from_utf8_lossy(&target.path), if target.dir { "directory" } else { "file" });
    match mounted.iter().rfind(covers).filter(|_| errno == Errno::ROFS) {
        Some(above) => SandboxError::Setup(format!(
            "the mount on /{0} is read-only and has no {kind} /{name} to mount on; make it in the context, or in \
             whatever is mounted there, or add rw to the mount on /{0}",
            String::from_utf8_lossy(&above.path)
        )),
        None => setup(&name)(errno),
    }
}

fn tmpfs(size: Option<u64>, mode: u32, attributes: u64) -> Result<OwnedFd, SandboxError> {
    let mode = format!("{mode:o}");
    let size = size.map(|size| size.to_string());
    let mut options = vec![("mode", mode.as_str())];
    if let Some(size) = &size {
        options.push(("size", size));
    }
    new_mount("tmpfs", &options, ATTR_NOSUID | ATTR_NODEV | attributes)
}

/// Mounts an empty directory in memory on `dir`, only for this process and its children. It is gone when they are.
pub fn mount_memory(dir: &Path) -> Result<(), SandboxError> {
    let mount = new_mount("tmpfs", &[("mode", "0700")], ATTR_NOSUID | ATTR_NODEV)?;
    attach(&mount, CWD, dir.as_os_str().as_bytes()).map_err(setup(&dir.display().to_string()))
}

fn memory_file(
    memory: &OwnedFd,
    name: &str,
    bytes: &[u8],
    (mode, uid, gid): (u32, u32, u32),
    readonly: bool,
) -> Result<OwnedFd, SandboxError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let fd = openat(memory, name, flags, Mode::RUSR | Mode::WUSR).map_err(setup("file in memory"))?;
    let mut file = File::from(fd);
    file.write_all(bytes).map_err(setup("file in memory"))?;
    Owners::Real.set(&file, b"", uid, gid).map_err(setup("owner of a file in memory"))?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(setup("file in memory"))?;
    let mount = clone_of(memory, name).map_err(setup("file in memory"))?;
    // A file may be a script.
    let (set, clear) = (ATTR_NODEV | if readonly { ATTR_RDONLY } else { 0 }, ATTR_NOEXEC);
    sys::change_mount_attributes(&mount, set, clear, false).map_err(setup("file in memory"))?;
    Ok(mount)
}
