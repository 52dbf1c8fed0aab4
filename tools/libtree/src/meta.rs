//! What statx(2) says of a path, in this suite's words.

use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, statx};
use std::io;
use std::os::fd::AsFd;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A Unix socket.
    Socket,
}

/// A path's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Modification time, whole seconds.
    pub mtime: i64,
    /// Modification time, the nanoseconds beyond.
    pub mtime_ns: u32,
    /// Change time, seconds and nanoseconds.
    pub ctime: (i64, u32),
    /// File system, as major and minor.
    pub dev: (u32, u32),
    /// Inode.
    pub ino: u64,
    /// Hard links.
    pub nlink: u32,
    /// Device number of a device node.
    pub rdev: (u32, u32),
}

impl Meta {
    /// Metadata of `name` below `dir`, symbolic links not followed. An empty name means `dir` itself.
    pub fn at(dir: impl AsFd, name: &[u8]) -> io::Result<Self> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
        Ok(Self::from(statx(dir, name, flags, StatxFlags::BASIC_STATS)?))
    }

    /// Metadata of an open file.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        Self::at(fd, b"")
    }

    /// What makes it the same file: file system and inode.
    pub fn identity(&self) -> ((u32, u32), u64) {
        (self.dev, self.ino)
    }

    /// All that changes when a file's content does, as one word: `major:minor/inode/size/mtime/ctime`, times in
    /// seconds and nanoseconds.
    pub fn state(&self) -> String {
        let Self { dev, ino, size, mtime, mtime_ns, ctime, .. } = self;
        format!("{}:{}/{ino}/{size}/{mtime}.{mtime_ns:09}/{}.{:09}", dev.0, dev.1, ctime.0, ctime.1)
    }

    /// Whether this is overlayfs's whiteout: a character device 0:0.
    pub fn is_whiteout(&self) -> bool {
        self.kind == FileKind::Char && self.rdev == (0, 0)
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Dir
    }
}

impl From<Statx> for Meta {
    fn from(st: Statx) -> Self {
        let kind = match FileType::from_raw_mode(st.stx_mode.into()) {
            FileType::Directory => FileKind::Dir,
            FileType::Symlink => FileKind::Symlink,
            FileType::Fifo => FileKind::Fifo,
            FileType::CharacterDevice => FileKind::Char,
            FileType::BlockDevice => FileKind::Block,
            FileType::Socket => FileKind::Socket,
            _ => FileKind::File,
        };
        Self {
            kind,
            mode: u32::from(st.stx_mode) & 0o7777,
            uid: st.stx_uid,
            gid: st.stx_gid,
            size: st.stx_size,
            mtime: st.stx_mtime.tv_sec,
            mtime_ns: st.stx_mtime.tv_nsec,
            ctime: (st.stx_ctime.tv_sec, st.stx_ctime.tv_nsec),
            dev: (st.stx_dev_major, st.stx_dev_minor),
            ino: st.stx_ino,
            nlink: st.stx_nlink,
            rdev: (st.stx_rdev_major, st.stx_rdev_minor),
        }
    }
}
