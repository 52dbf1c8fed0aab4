//! The result of statx(2) for a path, in this suite's terms.

use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, statx};
use std::io;
use std::os::fd::AsFd;

/// The kind of a file.
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
    /// The kind of file.
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
    /// The nanoseconds of the modification time.
    pub mtime_ns: u32,
    /// Change time, seconds and nanoseconds.
    pub ctime: (i64, u32),
    /// The file system, as major and minor number.
    pub dev: (u32, u32),
    /// The inode number.
    pub ino: u64,
    /// The number of hard links.
    pub nlink: u32,
    /// The bytes that are allocated to it.
    pub disk: u64,
    /// The device number of a device node.
    pub rdev: (u32, u32),
}

impl Meta {
    /// The metadata of `name` below `dir`. Symbolic links are not followed. An empty name is `dir` itself.
    pub fn at(dir: impl AsFd, name: &[u8]) -> io::Result<Self> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
        Ok(Self::from(statx(dir, name, flags, StatxFlags::BASIC_STATS)?))
    }

    /// Metadata of an open file.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        Self::at(fd, b"")
    }

    /// The file system and inode, which identify the file.
    pub fn identity(&self) -> ((u32, u32), u64) {
        (self.dev, self.ino)
    }

    /// Everything that changes together with a file's content, as one word: `major:minor/inode/size/mtime/ctime`,
    /// with times in seconds and nanoseconds.
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
            disk: st.stx_blocks * 512,
            rdev: (st.stx_rdev_major, st.stx_rdev_minor),
        }
    }
}
