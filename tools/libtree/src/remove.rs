//! Removes a name and everything below it, by file descriptors, never through a symbolic link.

use crate::meta::{FileKind, Meta};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, fchmod, openat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How many directories are kept open. Those above are opened again on the way back.
const OPEN: usize = 64;

struct Level {
    /// `None` while the removal is deep below.
    dir: Option<OwnedFd>,
    /// Identifies `dir` when it is opened again.
    identity: ((u32, u32), u64),
    name: Vec<u8>,
    todo: Vec<Name>,
}

struct Name {
    bytes: Vec<u8>,
    /// Whether its parent lists it as a directory.
    is_dir: bool,
}

/// Removes everything at `path`. It is no error if nothing is there.
pub fn remove_path(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(Errno::INVAL)?;
    remove_all(File::open(parent)?, name.as_bytes())
}

/// A directory that is removed on drop. [`std::fs::remove_dir_all`], which is the usual way, panics if a directory
/// cannot be closed.
#[derive(Debug)]
pub struct Temporary(PathBuf);

impl Temporary {
    /// Takes the directory at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Files that stay are in a directory for temporary files.
        let _ = remove_path(&self.0);
    }
}

/// Removes `name` below `dir`. It is no error if nothing is there. A deep tree needs no more stack and no more
/// descriptors.
pub fn remove_all(dir: impl AsFd, name: &[u8]) -> io::Result<()> {
    let base = dir.as_fd();
    let mut levels: Vec<Level> = Vec::new();
    let mut next = Some(Name { bytes: name.to_vec(), is_dir: false });
    loop {
        if let Some(name) = next.take() {
            let parent = levels.last().and_then(|level| level.dir.as_ref()).map_or(base, |dir| dir.as_fd());
            if let Some(level) = remove_or_enter(parent, name)? {
                levels.push(level);
                if levels.len() > OPEN {
                    let above = levels.len() - OPEN - 1;
                    levels[above].dir = None;
                }
            }
        } else if let Some(level) = levels.pop() {
            reopen_last(&mut levels, level.dir.as_ref())?;
            let parent = levels.last().and_then(|level| level.dir.as_ref()).map_or(base, |dir| dir.as_fd());
            unlinkat(parent, &*level.name, AtFlags::REMOVEDIR)?;
        }
        match levels.last_mut() {
            Some(level) => next = level.todo.pop(),
            None => return Ok(()),
        }
    }
}

/// If the last level was closed, opens it again as the parent of the directory below it.
fn reopen_last(levels: &mut [Level], below: Option<&OwnedFd>) -> io::Result<()> {
    if let (Some(level), Some(below)) = (levels.last_mut(), below)
        && level.dir.is_none()
    {
        let dir = openat(below, "..", FLAGS, Mode::empty())?;
        if Meta::of(&dir)?.identity() != level.identity {
            return Err(io::Error::other("a directory was moved while it was removed"));
        }
        level.dir = Some(dir);
    }
    Ok(())
}

const FLAGS: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// One call removes most names, whatever their kind.
fn remove_or_enter(parent: BorrowedFd<'_>, Name { bytes: name, is_dir }: Name) -> io::Result<Option<Level>> {
    if !is_dir {
        match unlinkat(parent, &*name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(None),
            Err(Errno::ISDIR) => {}
            // POSIX uses this error for a directory, too.
            Err(Errno::PERM) if Meta::at(parent, &name)?.kind == FileKind::Dir => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    if unlinkat(parent, &*name, AtFlags::REMOVEDIR).is_ok() {
        return Ok(None);
    }
    let open = || openat(parent, &*name, FLAGS, Mode::empty());
    let dir = match open() {
        // An ordinary user may own a directory without permission to read it.
        Err(Errno::ACCESS) => {
            let path = openat(parent, &*name, FLAGS | OFlags::PATH, Mode::empty())?;
            let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&path));
            rustix::fs::chmod(own, Mode::RWXU)?;
            open()?
        }
        dir => dir?,
    };
    let meta = Meta::of(&dir)?;
    // Entries cannot be removed from a directory that is not writable.
    if meta.mode & 0o700 != 0o700 {
        let _ = fchmod(&dir, Mode::RWXU);
    }
    let todo = names(&dir)?;
    Ok(Some(Level { dir: Some(dir), identity: meta.identity(), name, todo }))
}

/// All names in a directory that was just opened, unsorted.
fn names(dir: &OwnedFd) -> io::Result<Vec<Name>> {
    let mut buffer = [MaybeUninit::uninit(); 1 << 12];
    let (mut entries, mut names) = (RawDir::new(dir, &mut buffer), Vec::new());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let bytes = entry.file_name().to_bytes();
        if !matches!(bytes, b"." | b"..") {
            names.push(Name { bytes: bytes.to_vec(), is_dir: entry.file_type() == FileType::Directory });
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_are_removed_not_followed_and_closed_directories_opened() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("keep")).unwrap();
        std::fs::write(dir.path().join("keep/file"), "").unwrap();
        std::fs::create_dir_all(dir.path().join("t/a/b/c")).unwrap();
        std::fs::write(dir.path().join("t/a/b/f"), "").unwrap();
        symlink(dir.path().join("keep"), dir.path().join("t/a/link")).unwrap();
        std::fs::set_permissions(dir.path().join("t/a/b"), PermissionsExt::from_mode(0o000)).unwrap();
        let fd = std::fs::File::open(dir.path()).unwrap();
        remove_all(&fd, b"t").unwrap();
        remove_all(&fd, b"t").unwrap();
        assert!(!dir.path().join("t").exists());
        assert!(dir.path().join("keep/file").exists());
    }

    #[test]
    fn depth_costs_no_descriptors() {
        let dir = tempfile::tempdir().unwrap();
        let deep = vec!["d"; 5 * OPEN].join("/");
        std::fs::create_dir_all(dir.path().join(&deep)).unwrap();
        for end in [1, OPEN, 2 * OPEN, 5 * OPEN] {
            std::fs::write(dir.path().join(&deep[..end * 2 - 1]).join("e"), "").unwrap();
        }
        let fd = std::fs::File::open(dir.path()).unwrap();
        remove_all(&fd, b"d").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_single_file_and_an_empty_directory_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), "").unwrap();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        let fd = std::fs::File::open(dir.path()).unwrap();
        remove_all(&fd, b"f").unwrap();
        remove_all(&fd, b"d").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
