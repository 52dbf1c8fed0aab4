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

/// Bytes in a header, and what bodies are padded to.
pub const BLOCK: usize = 512;

/// Whether bytes that `start` an archive say that it is a tar: by the magic of POSIX or GNU, or, as before there
/// was one, by a checksum that is right. An empty archive has nothing that says it.
pub fn is_tar(start: &[u8]) -> bool {
    match start.first_chunk::<BLOCK>() {
        Some(block) => {
            let header = header::Header(block);
            header.is_ustar() || (!header.is_end() && header.has_checksum())
        }
        // Cut off, but after the magic.
        None => start.get(257..262) == Some(b"ustar"),
    }
}

/// A name for a message, lossily; of a long one its start and its end.
pub(crate) fn shown(name: &[u8]) -> String {
    match name.len() > 200 {
        true => [shown(&name[..100]), shown(&name[name.len() - 50..])].join("…"),
        false => String::from_utf8_lossy(name).into_owned(),
    }
}

/// What an entry is.
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

/// One entry, pax and GNU extensions applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name's bytes as they stand in the archive, never empty, without NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Target of a symbolic or hard link.
    pub link: Vec<u8>,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Bytes of body, a sparse file's holes included.
    pub size: u64,
    /// Modification time, whole seconds.
    pub mtime: i64,
    /// Modification time, the nanoseconds beyond.
    pub mtime_ns: u32,
    /// Device number.
    pub rdev: (u32, u32),
    /// Extended attributes (`SCHILY.xattr.*`).
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Entry {
    /// An entry of root's that says nothing else of itself: mode 0644, or 0755 for a directory, time 0, empty.
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
