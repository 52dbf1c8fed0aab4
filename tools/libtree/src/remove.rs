//! Removes a name and all below it, by file descriptors, never through a symbolic link.

use crate::walk::names;
use crate::{FileKind, Meta};
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, openat, unlinkat};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

struct Level {
    dir: OwnedFd,
    name: Vec<u8>,
    todo: Vec<Vec<u8>>,
}

/// Removes `name` below `dir`. What is not there is no error. Depth costs no stack.
pub fn remove_all(dir: impl AsFd, name: &[u8]) -> io::Result<()> {
    let base = dir.as_fd();
    let mut levels: Vec<Level> = Vec::new();
    let mut next = Some(name.to_vec());
    loop {
        let parent = levels.last().map_or(base, |level| level.dir.as_fd());
        match next.take() {
            Some(name) => {
                if let Some(level) = remove_or_enter(parent, name)? {
                    levels.push(level);
                }
            }
            None => {
                let Some(level) = levels.pop() else { return Ok(()) };
                let parent = levels.last().map_or(base, |level| level.dir.as_fd());
                unlinkat(parent, &*level.name, AtFlags::REMOVEDIR)?;
            }
        }
        next = levels.last_mut().and_then(|level| level.todo.pop());
        if levels.is_empty() {
            return Ok(());
        }
    }
}

fn remove_or_enter(parent: BorrowedFd<'_>, name: Vec<u8>) -> io::Result<Option<Level>> {
    let meta = match Meta::at(parent, &name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        meta => meta?,
    };
    if meta.kind != FileKind::Dir {
        unlinkat(parent, &*name, AtFlags::empty())?;
        return Ok(None);
    }
    if unlinkat(parent, &*name, AtFlags::REMOVEDIR).is_ok() {
        return Ok(None);
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat(parent, &*name, flags, Mode::empty());
    let dir = match open() {
        // An ordinary user's own directory may lack the permissions to read it.
        Err(Errno::ACCESS) => {
            let path = openat(parent, &*name, flags | OFlags::PATH, Mode::empty())?;
            let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&path));
            rustix::fs::chmod(own, Mode::RWXU)?;
            open()?
        }
        dir => dir?,
    };
    // A directory that can't be written keeps its entries from being removed.
    if meta.mode & 0o700 != 0o700 {
        let _ = fchmod(&dir, Mode::RWXU);
    }
    let todo = names(&dir)?;
    Ok(Some(Level { dir, name, todo }))
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
