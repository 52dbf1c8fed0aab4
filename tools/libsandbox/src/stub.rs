//! The stub layer: mount points the image lacks, laid on top of its layers instead of being made in the
//! upper directory and removed afterwards. A step that changes nothing leaves nothing, and there is no
//! clean-up that an image could lead astray (CVE-2024-23652).

use crate::{SandboxError, setup};
use libtree::{FileKind, Meta, Root, extract::set_time, root};
use rustix::fs::{Mode, OFlags, fchmod, mkdirat, openat};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

/// A mount point: a path free of symbolic links, and whether a directory goes there.
pub(crate) struct Point {
    pub(crate) path: Vec<u8>,
    pub(crate) dir: bool,
}

/// Makes in `stub`, an empty directory, what `image` lacks of `points`, and the directories above with
/// the image's metadata. Returns whether anything was needed.
pub(crate) fn lay(stub: &Root, image: &Root, points: &[Point]) -> Result<bool, SandboxError> {
    let mut times: BTreeMap<Vec<u8>, (i64, u32)> = BTreeMap::new();
    for point in points {
        if exists(image, point)? {
            continue;
        }
        lay_one(stub, image, point, &mut times).map_err(setup(&String::from_utf8_lossy(&point.path)))?;
    }
    for (path, time) in times.iter().rev() {
        let set = || set_time(stub.open_dir(path)?, b".", *time);
        set().map_err(setup("mount point times"))?;
    }
    Ok(!times.is_empty())
}

fn exists(image: &Root, point: &Point) -> Result<bool, SandboxError> {
    let name = String::from_utf8_lossy(&point.path);
    match image.lstat(&point.path) {
        Ok(meta) if meta.is_dir() == point.dir && meta.kind != FileKind::Symlink => Ok(true),
        Ok(_) if point.dir => Err(SandboxError::Setup(format!("/{name} in the image is not a directory"))),
        Ok(_) => {
            Err(SandboxError::Setup(format!("/{name} in the image is a directory, and a file goes there")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(SandboxError::Setup(format!("a parent of /{name} in the image is not a directory")))
        }
        Err(error) => Err(setup(&name)(error)),
    }
}

fn lay_one(
    stub: &Root,
    image: &Root,
    point: &Point,
    times: &mut BTreeMap<Vec<u8>, (i64, u32)>,
) -> io::Result<()> {
    let root_meta = image.lstat(b"")?;
    clone_metadata(stub, stub.open_dir(b"")?, &root_meta)?;
    times.insert(Vec::new(), (root_meta.mtime, root_meta.mtime_ns));
    let parts: Vec<_> = root::components(&point.path).collect();
    let mut dir = stub.open_dir(b"")?;
    let mut path = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(part);
        if at + 1 == parts.len() && !point.dir {
            let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(&dir, *part, flags, Mode::from_raw_mode(0o644))?;
            return Ok(());
        }
        match mkdirat(&dir, *part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        dir = open_dir(&dir, part)?;
        if let Ok(meta) = image.lstat(&path) {
            clone_metadata(stub, open_dir(&dir, b".")?, &meta)?;
            times.insert(path.clone(), (meta.mtime, meta.mtime_ns));
        }
    }
    Ok(())
}

fn open_dir(dir: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(dir, name, flags, Mode::empty())?)
}

fn clone_metadata(stub: &Root, dir: OwnedFd, meta: &Meta) -> io::Result<()> {
    stub.owners().set(&dir, b"", meta.uid, meta.gid)?;
    Ok(fchmod(&dir, Mode::from_raw_mode(meta.mode))?)
}
