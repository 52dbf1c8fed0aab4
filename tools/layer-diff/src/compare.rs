//! Whether a path in the upper tree differs from the same path below it.

use libtree::holes::{Extents, Piece, Pieces, ZEROS, is_zero};
use libtree::{FileKind, Meta, Root, xattr};
use rustix::fs::{Mode, OFlags, openat};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

/// The lower tree's metadata of `path`, or `None` if it does not exist.
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

/// Whether owner, mode and kind are the same. Times do not count here.
pub(crate) fn same_metadata(new: &Meta, old: &Meta) -> bool {
    new.kind == old.kind && new.mode == old.mode && new.uid == old.uid && new.gid == old.gid
}

/// Whether a file or other non-directory is unchanged: a copy-up whose change was undone, or the same bytes written
/// again in the same second.
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
    let new = File::from(openat(dir, name, flags, Mode::empty())?);
    let old = File::from(lower.open_at(path, flags, 0)?);
    let size = new.metadata()?.len();
    let (mut new, mut old) = (Content::new(&new, size), Content::new(&old, size));
    loop {
        let (a, b) = (new.at_hand()?, old.at_hand()?);
        let length = a.length().min(b.length());
        if length == 0 || !a.starts_as(&b, length) {
            // Both end here without a difference.
            return Ok(a.length() == b.length() && length == 0);
        }
        new.advance(length);
        old.advance(length);
    }
}

/// A file's content, part of which is in memory.
struct Content<'f> {
    extents: Extents<'f>,
    buffer: Vec<u8>,
    /// The data in the buffer.
    data: Range<usize>,
    /// The number of zeros, if there is no data.
    hole: u64,
}

enum AtHand<'c> {
    Zeros(u64),
    Bytes(&'c [u8]),
}

impl<'f> Content<'f> {
    fn new(file: &'f File, size: u64) -> Self {
        Self { extents: Extents::new(file, size), buffer: vec![0; ZEROS.len()], data: 0..0, hole: 0 }
    }

    /// The next piece; `None` at the end.
    fn at_hand(&mut self) -> io::Result<AtHand<'_>> {
        if self.data.is_empty() && self.hole == 0 {
            match self.extents.next(&mut self.buffer)? {
                Piece::Data(read) => self.data = 0..read,
                Piece::Hole(length) => self.hole = length,
            }
        }
        Ok(match self.hole {
            0 => AtHand::Bytes(&self.buffer[self.data.clone()]),
            hole => AtHand::Zeros(hole),
        })
    }

    fn advance(&mut self, length: u64) {
        match self.hole {
            0 => self.data.start += length as usize,
            _ => self.hole -= length,
        }
    }
}

impl AtHand<'_> {
    fn length(&self) -> u64 {
        match self {
            Self::Zeros(length) => *length,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Whether both begin with the same bytes, for this length, which both have.
    fn starts_as(&self, other: &Self, length: u64) -> bool {
        match (self, other) {
            (Self::Zeros(_), Self::Zeros(_)) => true,
            (Self::Bytes(bytes), Self::Zeros(_)) | (Self::Zeros(_), Self::Bytes(bytes)) => {
                is_zero(&bytes[..length as usize])
            }
            (Self::Bytes(a), Self::Bytes(b)) => a[..length as usize] == b[..length as usize],
        }
    }
}
