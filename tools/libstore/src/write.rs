//! The write recipe: a file gets its name only when its bytes are complete, checked and durable.
//!
//! The file is made by O_TMPFILE, so that a killed writer leaves nothing; on a file system without that, it has a
//! locked name in `tmp/`. A failed sync is final and never repeated, because the kernel has dropped the pages.

use crate::error::StoreError;
use crate::{lock, random};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, open, renameat_with};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A file without its final name yet. Dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Temp {
    pub(crate) file: File,
    /// Its name in `tmp/`, if it needs one.
    name: Option<PathBuf>,
}

impl Temp {
    /// A new empty file on the file system of `tmp`.
    pub(crate) fn new(tmp: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = match open(tmp, flags, Mode::from_raw_mode(0o600)) {
            Ok(fd) => File::from(fd),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => return Self::named(tmp),
            Err(errno) => return Err(errno.into()),
        };
        lock::try_take(&file, lock::Mode::Exclusive)?;
        Ok(Self { file, name: None })
    }

    fn named(tmp: &Path) -> io::Result<Self> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        loop {
            let path = tmp.join(random::hex32()?);
            let file = File::from(open(&path, flags, Mode::from_raw_mode(0o600))?);
            // Before it is locked, it looks like that of a dead process.
            if lock::try_take(&file, lock::Mode::Exclusive)? && path.exists() {
                return Ok(Self { file, name: Some(path) });
            }
        }
    }

    /// Gives the file the name `target`. Returns `false` if that name exists already.
    pub(crate) fn link(&mut self, target: &Path) -> io::Result<bool> {
        let linked = match self.name.take() {
            None => link_fd(&self.file, target),
            Some(name) => match renameat_with(CWD, &name, CWD, target, RenameFlags::NOREPLACE) {
                Ok(()) => Ok(()),
                Err(errno) => {
                    self.name = Some(name);
                    Err(errno)
                }
            },
        };
        match linked {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Gives the file the name `target`, and replaces an existing file.
    pub(crate) fn replace(mut self, tmp: &Path, target: &Path) -> io::Result<()> {
        let name = match self.name.take() {
            Some(name) => name,
            None => {
                let name = tmp.join(random::hex32()?);
                link_fd(&self.file, &name)?;
                name
            }
        };
        let renamed = std::fs::rename(&name, target);
        if renamed.is_err() {
            self.name = Some(name);
        }
        renamed
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = std::fs::remove_file(name);
        }
    }
}

fn link_fd(file: &File, target: &Path) -> rustix::io::Result<()> {
    let source = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    linkat(CWD, source, CWD, target, AtFlags::SYMLINK_FOLLOW)
}

/// Makes the names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let what = || format!("cannot sync {}", dir.display());
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io(what()))
}

/// Makes everything on `dir`'s file system durable. For many files this is cheaper than a sync of each.
pub(crate) fn sync_all(dir: &Path) -> Result<(), StoreError> {
    let what = || format!("cannot sync the file system of {}", dir.display());
    let open = File::open(dir).map_err(StoreError::io(what()))?;
    rustix::fs::syncfs(&open).map_err(|errno| StoreError::io(what())(errno.into()))
}

/// This boot's id. Data that was not synced is complete exactly as long as the machine has not stopped.
pub(crate) fn boot_id() -> &'static str {
    static ID: LazyLock<String> = LazyLock::new(|| {
        // Without /proc nothing unsynced can be trusted, which is safe.
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
    });
    &ID
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(dir: &Path) -> usize {
        std::fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn a_dropped_file_leaves_nothing_with_or_without_tmpfile() {
        let dir = tempfile::tempdir().unwrap();
        drop(Temp::new(dir.path()).unwrap());
        drop(Temp::named(dir.path()).unwrap());
        assert_eq!(names(dir.path()), 0);
    }

    #[test]
    fn a_name_is_given_once_and_replaced_only_on_purpose() {
        for make in [Temp::new, Temp::named] {
            let dir = tempfile::tempdir().unwrap();
            let target = dir.path().join("x");
            for (text, first) in [("one", true), ("two", false)] {
                let mut temp = make(dir.path()).unwrap();
                temp.file.write_all(text.as_bytes()).unwrap();
                assert_eq!(temp.link(&target).unwrap(), first);
                assert_eq!(std::fs::read_to_string(&target).unwrap(), "one");
            }
            let mut temp = make(dir.path()).unwrap();
            temp.file.write_all(b"three").unwrap();
            temp.replace(dir.path(), &target).unwrap();
            assert_eq!(std::fs::read_to_string(&target).unwrap(), "three");
            assert_eq!(names(dir.path()), 1);
        }
    }
}
