//! A directory that serves as `/`: every lookup stays below it, whatever its symbolic links say.

use crate::meta::{FileKind, Meta};
use crate::owner::Owners;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2, readlinkat};
use rustix::io::Errno;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// How many symbolic links one lookup follows before ELOOP; the kernel has the same limit.
const MAX_LINKS: usize = 40;

/// A directory that serves as the root of a tree.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    owners: Owners,
}

impl Root {
    /// Opens a directory by a path of the caller, which may lead through symbolic links.
    pub fn open(path: &Path, owners: Owners) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(Self { fd: rustix::fs::open(path, flags, Mode::empty())?, owners })
    }

    /// Takes an open directory, for instance a detached mount.
    pub fn from_fd(fd: OwnedFd, owners: Owners) -> Self {
        Self { fd, owners }
    }

    /// The directory.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// How owners are kept in this tree.
    pub fn owners(&self) -> Owners {
        self.owners
    }

    /// Opens `path` below the root. Absolute links and `..` stay inside it.
    pub fn open_at(&self, path: &[u8], flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        open_below(&self.fd, path, flags, mode)
    }

    /// Opens a directory below the root for reading.
    pub fn open_dir(&self, path: &[u8]) -> io::Result<OwnedFd> {
        self.open_at(path, OFlags::DIRECTORY | OFlags::RDONLY, 0)
    }

    /// The metadata of `path`, with its last symbolic link followed.
    pub fn stat(&self, path: &[u8]) -> io::Result<Meta> {
        self.meta(&self.open_at(path, OFlags::PATH, 0)?)
    }

    /// Metadata of `path` itself.
    pub fn lstat(&self, path: &[u8]) -> io::Result<Meta> {
        self.meta(&self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW, 0)?)
    }

    fn meta(&self, fd: &OwnedFd) -> io::Result<Meta> {
        let mut meta = Meta::of(fd)?;
        self.owners.read(fd, b"", &mut meta)?;
        Ok(meta)
    }

    /// The target of the symbolic link `path`.
    pub fn read_link(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let (dir, name) = self.parent(path)?;
        Ok(readlinkat(dir, &*name, Vec::new())?.into_bytes())
    }

    /// Opens the directory that holds `path`, and returns it with the last component. For the root the error is
    /// EINVAL.
    pub fn parent(&self, path: &[u8]) -> io::Result<(OwnedFd, Vec<u8>)> {
        let path = trim(path);
        let (dir, name) = split(path);
        if matches!(name, b"" | b"." | b"..") {
            return Err(Errno::INVAL.into());
        }
        let dir = if dir.is_empty() { b"." } else { dir };
        Ok((self.open_at(dir, OFlags::PATH | OFlags::DIRECTORY, 0)?, name.to_vec()))
    }

    /// Reads a regular file of at most `limit` bytes. Anything else is an error. It never blocks on a FIFO or device.
    pub fn read_small(&self, path: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let fd = self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, 0)?;
        let meta = Meta::of(&fd)?;
        if meta.kind != FileKind::File || meta.size > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file of sensible size"));
        }
        let mut bytes = Vec::new();
        std::fs::File::from(fd).take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The real path, relative to the root and without symbolic links, of `path`. Components that do not exist stay
    /// as written, so the result can be used to create a file. `..` stops at the root. The root itself is the empty
    /// path.
    pub fn resolve(&self, path: &[u8], follow_last: bool) -> io::Result<Vec<u8>> {
        let mut todo: Vec<Vec<u8>> = components(path).rev().map(<[u8]>::to_vec).collect();
        let mut done: Vec<Vec<u8>> = Vec::new();
        let mut links = 0;
        let mut missing = false;
        while let Some(part) = todo.pop() {
            if part == b".." {
                done.pop();
                missing = false;
                continue;
            }
            done.push(part);
            if missing || (todo.is_empty() && !follow_last) {
                continue;
            }
            let here = done.join(&b'/');
            match self.link_at(&here) {
                Ok(Some(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    done.pop();
                    if target.starts_with(b"/") {
                        done.clear();
                    }
                    todo.extend(components(&target).rev().map(<[u8]>::to_vec));
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing = true,
                Err(error) => return Err(error),
            }
        }
        Ok(done.join(&b'/'))
    }

    fn link_at(&self, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let fd = self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW, 0)?;
        match Meta::of(&fd)?.kind {
            FileKind::Symlink => Ok(Some(readlinkat(&fd, "", Vec::new())?.into_bytes())),
            _ => Ok(None),
        }
    }
}

/// Whether the error means that a path, or a part of it, is too long for the system.
pub fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NAMETOOLONG.raw_os_error())
}

/// Opens `path` below `dir` like [`Root::open_at`], with close-on-exec. An empty path is `dir` itself.
pub fn open_below(dir: impl AsFd, path: &[u8], flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(mode) } else { Mode::empty() };
    loop {
        match openat2(&dir, path, flags | OFlags::CLOEXEC, mode, resolve) {
            // A rename raced with a `..`, and the kernel asks for another attempt.
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// The components of a path, without empty ones and `.`.
pub fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|part| !matches!(*part, b"" | b"."))
}

/// The directory of a path, which is empty at the top, and its last component.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let cut = path.iter().rposition(|&b| b == b'/');
    cut.map_or((&b""[..], path), |at| (&path[..at], &path[at + 1..]))
}

/// `path` without slashes at either end.
pub fn trim(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|&b| b != b'/').unwrap_or(path.len());
    let end = path.iter().rposition(|&b| b != b'/').map_or(start, |at| at + 1);
    &path[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("usr/lib")).unwrap();
        std::fs::write(dir.path().join("usr/lib/a"), "inside").unwrap();
        symlink("/usr/lib", dir.path().join("lib")).unwrap();
        symlink("../../../../etc/passwd", dir.path().join("up")).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        (dir, root)
    }

    #[test]
    fn absolute_links_are_taken_within_the_root() {
        let (_dir, root) = tree();
        assert_eq!(root.read_small(b"/lib/a", 100).unwrap(), b"inside");
        assert_eq!(root.resolve(b"lib/b/c", true).unwrap(), b"usr/lib/b/c");
    }

    #[test]
    fn nothing_leads_out_of_the_root() {
        let (_dir, root) = tree();
        assert_eq!(root.read_small(b"up", 1 << 20).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(root.resolve(b"up", true).unwrap(), b"etc/passwd");
        assert_eq!(root.resolve(b"../../x/..", true).unwrap(), b"");
    }

    #[test]
    fn a_path_is_cut_at_its_last_slash() {
        let cases: [(&[u8], &[u8], &[u8]); 4] =
            [(b"a", b"", b"a"), (b"a/b", b"a", b"b"), (b"a/b/c", b"a/b", b"c"), (b"", b"", b"")];
        for (path, dir, name) in cases {
            assert_eq!(split(path), (dir, name));
        }
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        let (_dir, root) = tree();
        assert!(root.resolve(b"loop/x", true).is_err());
        assert_eq!(root.resolve(b"loop", false).unwrap(), b"loop");
    }
}
