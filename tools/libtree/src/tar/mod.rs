//! The tar form of a tree: a strict reader and a canonical writer (POSIX.1-2017 ustar and pax, GNU long names).

mod body;
mod extensions;
mod header;
mod limits;
mod pax;
mod reader;
mod sparse;
mod writer;

pub use body::Body;
pub use limits::Limits;
pub use reader::{Reader, TarError};
pub use writer::Writer;

use std::collections::BTreeMap;

/// The size of a header in bytes. Bodies are padded to a multiple of it.
pub const BLOCK: usize = 512;

/// Whether the first bytes of an archive are those of a tar: they have the magic of POSIX or GNU, or, in the format
/// before that, a correct checksum. An empty archive has neither.
pub fn is_tar(start: &[u8]) -> bool {
    match start.first_chunk::<BLOCK>() {
        Some(block) => {
            let header = header::Header(block);
            header.is_ustar() || (!header.is_end() && header.has_checksum())
        }
        // It is cut off, but after the magic.
        None => start.get(257..262) == Some(b"ustar"),
    }
}

/// A name for a message, with invalid UTF-8 replaced. A long one is shortened to its start and its end.
pub(crate) fn shown(name: &[u8]) -> String {
    match name.len() > 200 {
        true => [shown(&name[..100]), shown(&name[name.len() - 50..])].join("…"),
        false => String::from_utf8_lossy(name).into_owned(),
    }
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link to `link`.
    Symlink,
    /// Another name of the earlier entry `link`.
    Hardlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    Char,
    /// A block device.
    Block,
}

/// An entry, after its pax and GNU extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes of the name as in the archive, never empty, without NUL.
    pub path: Vec<u8>,
    /// The kind of entry.
    pub kind: EntryKind,
    /// Target of a symbolic or hard link.
    pub link: Vec<u8>,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// The size of the body in bytes, including a sparse file's holes.
    pub size: u64,
    /// Modification time, whole seconds.
    pub mtime: i64,
    /// The nanoseconds of the modification time.
    pub mtime_ns: u32,
    /// Device number.
    pub rdev: (u32, u32),
    /// Extended attributes (`SCHILY.xattr.*`).
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Entry {
    /// An entry of root's with defaults: mode 0644, or 0755 for a directory, time 0, empty.
    pub fn new(path: impl Into<Vec<u8>>, kind: EntryKind) -> Self {
        Self {
            path: path.into(),
            kind,
            link: Vec::new(),
            mode: if kind == EntryKind::Dir { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 0,
            mtime_ns: 0,
            rdev: (0, 0),
            xattrs: BTreeMap::new(),
        }
    }
}
