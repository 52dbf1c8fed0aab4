//! Makes the tar entry of a record, and opens its file.

use crate::progress::Progress;
use libtree::holes::{Extents, Piece, Pieces};
use libtree::root::split;
use libtree::tar::{Entry, EntryKind};
use libtree::{FileKind, Meta, Root};
use libwire::changes::{Kind, Put};
use rustix::fs::{OFlags, ResolveFlags, openat2};
use std::fs::File;
use std::io;

/// The entry of a new or changed path, no younger than `clamp_mtime`. `None` if its mode is invalid.
pub(crate) fn entry_of(put: &Put, clamp_mtime: Option<i64>) -> Option<Entry> {
    let (kind, link, size, rdev) = match &put.kind {
        Kind::File { size, .. } => (EntryKind::File, &[][..], *size, (0, 0)),
        Kind::Dir { .. } => (EntryKind::Dir, &[][..], 0, (0, 0)),
        Kind::Symlink { target } => (EntryKind::Symlink, &target.0[..], 0, (0, 0)),
        Kind::Hardlink { target } => (EntryKind::Hardlink, &target.0[..], 0, (0, 0)),
        Kind::Fifo => (EntryKind::Fifo, &[][..], 0, (0, 0)),
        Kind::Char { major, minor } => (EntryKind::Char, &[][..], 0, (*major, *minor)),
        Kind::Block { major, minor } => (EntryKind::Block, &[][..], 0, (*major, *minor)),
    };
    let xattrs = put.xattrs.iter().map(|(key, value)| (key.clone(), value.0.clone())).collect();
    Some(Entry {
        link: link.to_vec(),
        mode: put.mode_bits()?,
        uid: put.uid,
        gid: put.gid,
        size,
        mtime: clamp_mtime.map_or(put.mtime, |limit| put.mtime.min(limit)),
        rdev,
        xattrs,
        ..Entry::new(put.path.as_bytes(), kind)
    })
}

/// The whiteout of `path` (OCI image-spec, layer.md, "Whiteouts").
pub(crate) fn deletion(path: &[u8]) -> Entry {
    let (dir, name) = split(path);
    let slash: &[u8] = if dir.is_empty() { b"" } else { b"/" };
    Entry { mode: 0, ..Entry::new([dir, slash, b".wh.", name].concat(), EntryKind::File) }
}

/// How many zeros of a hole are packed at once, few enough for regular progress.
const HOLE: u64 = 1 << 28;

/// A file being packed. It remembers whether reading failed, to distinguish that from a failure to write.
pub(crate) struct Source {
    file: File,
    size: u64,
    failed: bool,
}

impl Source {
    /// Opens a regular file of `size` bytes, in `state` if that is known. It follows no link and never blocks.
    pub(crate) fn open(root: &Root, path: &[u8], size: u64, state: Option<&str>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let fd = openat2(root.fd(), path, flags, rustix::fs::Mode::empty(), resolve)?;
        let meta = Meta::of(&fd)?;
        if meta.kind != FileKind::File {
            return Err(io::Error::other("is not a regular file, as its record says"));
        }
        if meta.size != size {
            return Err(io::Error::other(format!("has {} bytes, not the {size} its record says", meta.size)));
        }
        let source = Self { file: File::from(fd), size, failed: false };
        source.check(state)?;
        Ok(source)
    }

    /// Refuses a file that is no longer in the `state` in which it was read for its step's key, because the layer
    /// would be kept under the key of another content. Call it after reading, too.
    pub(crate) fn check(&self, state: Option<&str>) -> io::Result<()> {
        match state {
            Some(state) if Meta::of(&self.file)?.state() != state => {
                Err(io::Error::other("changed while it was copied; build again"))
            }
            _ => Ok(()),
        }
    }

    /// Whether an `error` in appending it is about this file and not the output: reading failed, or the size was
    /// wrong.
    pub(crate) fn at_fault(&self, error: &io::Error) -> bool {
        self.failed || error.raw_os_error().is_none()
    }

    /// Its content, with its holes. `progress` is told how much is packed, under the name `path`.
    pub(crate) fn pieces<'s>(&'s mut self, path: &'s [u8], progress: &'s mut Progress) -> SourcePieces<'s> {
        let Self { file, size, failed } = self;
        SourcePieces { extents: Extents::new(file, *size), hole: 0, left: *size, failed, path, progress }
    }
}

/// The content of a [`Source`].
pub(crate) struct SourcePieces<'s> {
    extents: Extents<'s>,
    /// The rest of the current hole.
    hole: u64,
    left: u64,
    failed: &'s mut bool,
    path: &'s [u8],
    progress: &'s mut Progress,
}

impl Pieces for SourcePieces<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        if self.hole == 0 {
            match self.extents.next(buffer) {
                Ok(Piece::Hole(length)) => self.hole = length,
                Ok(data @ Piece::Data(read)) => {
                    self.note(read as u64);
                    return Ok(data);
                }
                Err(error) => {
                    *self.failed = true;
                    return Err(error);
                }
            }
        }
        let length = self.hole.min(HOLE);
        self.hole -= length;
        self.note(length);
        Ok(Piece::Hole(length))
    }
}

impl SourcePieces<'_> {
    fn note(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
        self.progress.note(bytes, self.left, self.path);
    }
}
