//! The stub layer: mount points that the image lacks, in a layer on top of its own instead of in the upper directory.
//! So a step that changes nothing leaves nothing, and there is no clean-up that an image could redirect
//! (CVE-2024-23652).

use crate::{SandboxError, setup};
use libtree::{FileKind, Root, extract::set_time, root};
use rustix::fs::{Mode, OFlags, fchmod, mkdirat, openat};
use std::collections::BTreeMap;
use std::fs::create_dir;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A mount point: a path free of symbolic links, and whether a directory goes there.
pub(crate) struct Point {
    pub(crate) path: Vec<u8>,
    pub(crate) dir: bool,
}

/// The modification times for directories of the stub layer.
type Times = BTreeMap<Vec<u8>, (i64, u32)>;

/// Makes those of `points` that `image` lacks in a new directory `place`, and the directories above them with the
/// image's metadata. Returns `false` without making `place` if none was needed.
pub(crate) fn lay(place: &Path, image: &Root, points: &[Point]) -> Result<bool, SandboxError> {
    let mut missing = Vec::new();
    for point in points {
        if !exists(image, point)? {
            missing.push(point);
        }
    }
    if missing.is_empty() {
        return Ok(false);
    }
    create_dir(place).map_err(setup("stub layer"))?;
    let stub = Root::open(place, image.owners()).map_err(setup("stub layer"))?;
    let mut times = Times::new();
    clone_metadata(&stub, &stub.fd(), (image, b""), &mut times).map_err(setup("stub layer"))?;
    for point in missing {
        lay_one(&stub, image, point, &mut times).map_err(setup(&String::from_utf8_lossy(&point.path)))?;
    }
    for (path, time) in times.iter().rev() {
        let set = || set_time(stub.open_dir(path)?, b".", *time);
        set().map_err(setup("mount point times"))?;
    }
    Ok(true)
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

fn lay_one(stub: &Root, image: &Root, point: &Point, times: &mut Times) -> io::Result<()> {
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
        if !times.contains_key(&path) {
            match clone_metadata(stub, &dir, (image, &path), times) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                cloned => cloned?,
            }
        }
    }
    Ok(())
}

fn open_dir(dir: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(dir, name, flags, Mode::empty())?)
}

/// Gives `dir` the metadata of the image's directory at `path`.
fn clone_metadata(
    stub: &Root,
    dir: &impl AsFd,
    (image, path): (&Root, &[u8]),
    times: &mut Times,
) -> io::Result<()> {
    let meta = image.lstat(path)?;
    stub.owners().set(dir, b"", meta.uid, meta.gid)?;
    fchmod(dir, Mode::from_raw_mode(meta.mode))?;
    times.insert(path.to_vec(), (meta.mtime, meta.mtime_ns));
    Ok(())
}
