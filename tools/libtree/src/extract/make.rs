//! Makes the file of one entry, with its metadata, in a directory that is open already.

use super::{Job, Stop, check, open_dir, set_time};
use crate::holes::{HoleWriter, Piece, Pieces};
use crate::meta::Meta;
use crate::tar::{Body, Entry, EntryKind};
use crate::xattr;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fchmod, linkat, makedev, mkdirat, mknodat, openat, symlinkat,
};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

impl Job<'_> {
    pub(super) fn make<R: Read>(
        &mut self,
        name: &[u8],
        entry: &Entry,
        body: &mut Body<'_, R>,
    ) -> Result<(), Stop> {
        let dir = self.dir()?;
        match entry.kind {
            EntryKind::Dir => {
                match mkdirat(dir, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                let made = open_dir(dir, name)?;
                return self.finish_dir(&made, entry);
            }
            EntryKind::File => {
                let bytes = self.make_file(name, entry, body)?;
                self.stats.bytes += bytes;
                return Ok(());
            }
            EntryKind::Hardlink => return self.make_link(name, entry),
            EntryKind::Symlink => symlinkat(&*entry.link, dir, name)?,
            EntryKind::Fifo => mknodat(dir, name, FileType::Fifo, Mode::RUSR, 0)?,
            EntryKind::Char | EntryKind::Block => {
                if !self.make_device(name, entry)? {
                    self.stats.devices_skipped += 1;
                    return Ok(());
                }
            }
        }
        self.finish_at(name, entry)
    }

    fn make_file<R: Read>(
        &mut self,
        name: &[u8],
        entry: &Entry,
        body: &mut Body<'_, R>,
    ) -> Result<u64, Stop> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        let mut file = File::from(openat(self.dir()?, name, flags, mode)?);
        let copied = copy_body(body, &mut file, &mut self.buffer)?;
        self.correct_new(&file, entry)?;
        self.set_xattrs(&file, entry)?;
        set_time(&file, b"", (entry.mtime, entry.mtime_ns))?;
        Ok(copied)
    }

    /// Sets owner and mode of a new file. Nearly always they are right already, and checking costs less than setting
    /// them.
    fn correct_new(&self, file: &File, entry: &Entry) -> Result<(), Stop> {
        let made = Meta::of(file)?;
        let (uid, gid) = self.owner(entry);
        if (made.uid, made.gid) != (uid, gid) {
            self.root.owners().set(file, b"", uid, gid)?;
        }
        // The file does not yet have the bits that a change of owner clears.
        if made.mode != entry.mode {
            fchmod(file, Mode::from_raw_mode(entry.mode))?;
        }
        Ok(())
    }

    fn make_link(&self, name: &[u8], entry: &Entry) -> Result<(), Stop> {
        let target = self.clean(&entry.link)?;
        let (dir, target) = match self.root.parent(&target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Stop::Refused("a hard link to something that is not there"));
            }
            found => found?,
        };
        match linkat(&dir, &*target, self.dir()?, name, AtFlags::empty()) {
            Ok(()) => Ok(()),
            Err(Errno::NOENT) => Err(Stop::Refused("a hard link to something that is not there")),
            Err(Errno::PERM) => Err(Stop::Refused("a hard link to a directory")),
            Err(errno) => Err(errno.into()),
        }
    }

    fn make_device(&self, name: &[u8], entry: &Entry) -> Result<bool, Stop> {
        let kind = match entry.kind {
            EntryKind::Block => FileType::BlockDevice,
            _ => FileType::CharacterDevice,
        };
        if entry.kind == EntryKind::Char {
            check::device(entry)?;
        }
        match mknodat(self.dir()?, name, kind, Mode::RUSR, makedev(entry.rdev.0, entry.rdev.1)) {
            Ok(()) => Ok(true),
            Err(Errno::PERM) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn finish_dir(&self, dir: &OwnedFd, entry: &Entry) -> Result<(), Stop> {
        self.set_owner_and_mode(dir, entry)
    }

    fn owner(&self, entry: &Entry) -> (u32, u32) {
        self.options.owner.unwrap_or((entry.uid, entry.gid))
    }

    fn set_owner_and_mode(&self, fd: &OwnedFd, entry: &Entry) -> Result<(), Stop> {
        let (uid, gid) = self.owner(entry);
        self.root.owners().set(fd, b"", uid, gid)?;
        fchmod(fd, Mode::from_raw_mode(entry.mode))?;
        self.set_xattrs(fd, entry)
    }

    fn set_xattrs(&self, fd: impl AsFd, entry: &Entry) -> Result<(), Stop> {
        for (key, value) in &entry.xattrs {
            check::attribute(key, value)?;
            if key == xattr::CAPABILITY {
                rustix::fs::fsetxattr(&fd, xattr::CAPABILITY, value, rustix::fs::XattrFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Sets owner, mode and time of a file that cannot be opened.
    fn finish_at(&self, name: &[u8], entry: &Entry) -> Result<(), Stop> {
        let (uid, gid) = self.owner(entry);
        self.root.owners().set(self.dir()?, name, uid, gid)?;
        if entry.kind != EntryKind::Symlink {
            rustix::fs::chmodat(self.dir()?, name, Mode::from_raw_mode(entry.mode), AtFlags::empty())?;
        }
        Ok(set_time(self.dir()?, name, (entry.mtime, entry.mtime_ns))?)
    }
}

/// Writes a body, with holes for its holes and for long runs of zeros. Returns the number of bytes in the archive.
fn copy_body<R: Read>(body: &mut Body<'_, R>, file: &mut File, buffer: &mut [u8]) -> io::Result<u64> {
    let (mut file, mut copied) = (HoleWriter::new(file), 0);
    loop {
        match body.next(buffer) {
            Ok(Piece::Hole(length)) => file.skip(length),
            Ok(Piece::Data(0)) => break,
            Ok(Piece::Data(read)) => {
                file.write_all(&buffer[..read])?;
                copied += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.finish()?;
    Ok(copied)
}
