//! Walks a tree in the byte order of its paths, with the names of one directory in memory for each level.
//!
//! In byte order of whole paths, `a-b` comes before `a/x`. A directory is therefore met twice: as a name, and in the
//! place of `name/` for its entries.

use crate::meta::{FileKind, Meta};
use crate::owner::Owners;
use crate::root::open_below;
use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// A path on a walk.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The path relative to the walk's root, without a leading slash.
    pub path: &'a [u8],
    /// Its last component.
    pub name: &'a [u8],
    /// The directory that holds it.
    pub dir: BorrowedFd<'a>,
    /// Its metadata.
    pub meta: Meta,
}

/// Whether to walk into a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Walk into it.
    Descend,
    /// Leave out its entries.
    Skip,
}

struct Item {
    name: Vec<u8>,
    inside: bool,
}

/// How many directories are kept open. Those above are opened again when the walk returns to them.
const OPEN: usize = 64;

struct Level {
    /// `None` while the walk is deep below.
    dir: Option<OwnedFd>,
    /// Identifies `dir` when it is opened again.
    identity: ((u32, u32), u64),
    path_len: usize,
    items: std::vec::IntoIter<Item>,
    descend: HashSet<Vec<u8>>,
}

/// Walks everything below `root`, without the root itself, and calls `visit` for each path. Errors have no path,
/// because `visit` knows it. An error in reading a directory has the path in its message.
pub fn walk<E: From<io::Error>>(
    root: impl AsFd,
    owners: Owners,
    visit: &mut dyn FnMut(&Entry) -> Result<Next, E>,
) -> Result<(), E> {
    let root = root.as_fd();
    let mut path = Vec::new();
    let mut levels = vec![enter(root, b".", 0).map_err(|e| at(&path, e))?];
    loop {
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { return Ok(()) };
        path.truncate(level.path_len);
        let Some(item) = level.items.next() else {
            levels.pop();
            continue;
        };
        level.reopen(root, &path).map_err(|e| at(&path, e))?;
        let Level { dir: Some(dir), descend, .. } = level else { continue };
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&item.name);
        if item.inside {
            if descend.remove(&item.name) {
                let next = enter(&*dir, &item.name, path.len()).map_err(|e| at(&path, e))?;
                levels.push(next);
                if depth >= OPEN {
                    levels[depth - OPEN].dir = None;
                }
            }
            continue;
        }
        let mut meta = Meta::at(&*dir, &item.name).map_err(|e| at(&path, e))?;
        owners.read(&*dir, &item.name, &mut meta).map_err(|e| at(&path, e))?;
        let is_dir = meta.kind == FileKind::Dir;
        let entry = Entry { path: &path, name: &item.name, dir: dir.as_fd(), meta };
        if visit(&entry)? == Next::Descend && is_dir {
            descend.insert(item.name);
        }
    }
}

impl Level {
    /// If the directory was closed, opens it again by its path below `root`.
    fn reopen(&mut self, root: BorrowedFd<'_>, path: &[u8]) -> io::Result<()> {
        if self.dir.is_none() {
            let dir = open_below(root, path, OFlags::DIRECTORY | OFlags::NOFOLLOW, 0)?;
            if Meta::of(&dir)?.identity() != self.identity {
                return Err(io::Error::other("another directory took its place meanwhile"));
            }
            self.dir = Some(dir);
        }
        Ok(())
    }
}

fn at(path: &[u8], error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", String::from_utf8_lossy(path)))
}

fn enter(dir: impl AsFd, name: &[u8], path_len: usize) -> io::Result<Level> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(dir, name, flags, Mode::empty())?;
    let mut items = Vec::new();
    for entry in Dir::read_from(&dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        if matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
            items.push(Item { name: name.to_vec(), inside: true });
        }
        items.push(Item { name: name.to_vec(), inside: false });
    }
    items.sort_by(|a, b| key(a).cmp(key(b)));
    let identity = Meta::of(&dir)?.identity();
    Ok(Level { dir: Some(dir), identity, path_len, items: items.into_iter(), descend: HashSet::new() })
}

fn key(item: &Item) -> impl Iterator<Item = &u8> {
    item.name.iter().chain(item.inside.then_some(&b'/'))
}

/// The names in the directory at `path`, sorted by bytes. An error in closing it is ignored, because nothing was
/// written. [`std::fs::read_dir`] panics then, so nothing here uses it.
pub fn names_at(path: &Path) -> io::Result<Vec<OsString>> {
    Ok(names(File::open(path)?)?.into_iter().map(OsString::from_vec).collect())
}

/// The names in `dir`, sorted by bytes.
pub fn names(dir: impl AsFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(name.to_vec());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Root;

    #[test]
    fn order_is_that_of_whole_paths() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a/x", "a/b/y", "a-b", "a.c/z", "b"] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        let mut seen = Vec::new();
        walk::<io::Error>(root.fd(), Owners::Real, &mut |entry| {
            seen.push(entry.path.to_vec());
            Ok(Next::Descend)
        })
        .unwrap();
        let mut sorted = seen.clone();
        sorted.sort();
        assert_eq!(seen, sorted);
        assert_eq!(seen.len(), 8);
    }

    #[test]
    fn a_deep_tree_keeps_few_directories_open_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let deep = vec!["d"; 3 * OPEN].join("/");
        std::fs::create_dir_all(dir.path().join(&deep)).unwrap();
        for end in [1, OPEN, 2 * OPEN, 3 * OPEN] {
            std::fs::write(dir.path().join(&deep[..end * 2 - 1]).join("e"), "").unwrap();
        }
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let (before, mut most, mut files) = (open(), 0, 0);
        walk::<io::Error>(root.fd(), Owners::Real, &mut |entry| {
            most = most.max(open());
            files += usize::from(entry.name == b"e");
            Ok(Next::Descend)
        })
        .unwrap();
        assert_eq!(files, 4);
        // Other tests in this process open files too.
        assert!(most < before + OPEN + 60, "{most} open");
    }

    #[test]
    fn a_skipped_directory_is_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        let mut count = 0;
        walk::<io::Error>(root.fd(), Owners::Real, &mut |_| {
            count += 1;
            Ok(Next::Skip)
        })
        .unwrap();
        assert_eq!(count, 1);
    }
}
