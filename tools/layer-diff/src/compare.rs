//! Whether a path in the upper tree differs from the same path below it.

use libtree::{FileKind, Meta, Root, xattr};
use rustix::fs::{Mode, OFlags, openat};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

/// The lower tree's metadata at `path`, or `None` when nothing is there.
pub(crate) fn lower_meta(lower: Option<&Root>, path: &[u8]) -> io::Result<Option<Meta>> {
    let Some(lower) = lower else { return Ok(None) };
    match lower.lstat(path) {
        Ok(meta) if meta.is_whiteout() => Ok(None),
        Ok(meta) => Ok(Some(meta)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether owner, mode and kind agree. Times don't count here.
pub(crate) fn same_metadata(new: &Meta, old: &Meta) -> bool {
    new.kind == old.kind && new.mode == old.mode && new.uid == old.uid && new.gid == old.gid
}

/// Whether a file or other non-directory is what it was: a copy-up whose change was undone, or a
/// rewrite of the same bytes in the same second.
pub(crate) fn unchanged(
    dir: BorrowedFd<'_>,
    name: &[u8],
    new: &Meta,
    lower: &Root,
    path: &[u8],
    old: &Meta,
) -> io::Result<bool> {
    if !same_metadata(new, old) || new.mtime != old.mtime {
        return Ok(false);
    }
    match new.kind {
        FileKind::File => Ok(new.size == old.size
            && xattr::get(dir, name, xattr::CAPABILITY)? == lower_capability(lower, path)?
            && same_bytes(dir, name, lower, path)?),
        FileKind::Symlink => {
            let target = rustix::fs::readlinkat(dir, name, Vec::new())?;
            Ok(target.into_bytes() == lower.read_link(path)?)
        }
        FileKind::Char | FileKind::Block => Ok(new.rdev == old.rdev),
        _ => Ok(true),
    }
}

fn lower_capability(lower: &Root, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let (dir, name) = lower.parent(path)?;
    xattr::get(dir, &name, xattr::CAPABILITY)
}

fn same_bytes(dir: impl AsFd, name: &[u8], lower: &Root, path: &[u8]) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut new = File::from(openat(dir, name, flags, Mode::empty())?);
    let mut old = File::from(lower.open_at(path, flags, 0)?);
    let (mut a, mut b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let n = fill(&mut new, &mut a)?;
        if n != fill(&mut old, &mut b)? || a[..n] != b[..n] {
            return Ok(false);
        }
        if n == 0 {
            return Ok(true);
        }
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
