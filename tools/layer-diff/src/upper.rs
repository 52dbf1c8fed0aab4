//! Walks the upper tree beside the lower one and reports each change in the order of paths.

use crate::compare::{lower_meta, same_metadata, unchanged};
use crate::error::DiffError;
use crate::pending::Pending;
use libtree::root::split;
use libtree::walk::{self, Entry, Next};
use libtree::{FileKind, Meta, Root, xattr};
use libwire::WirePath;
use libwire::changes::{Base64, Change, Kind, Put, Target};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

/// The trees to compare.
pub struct Trees {
    /// The changes of a step, in overlayfs's upper form, or a whole tree.
    pub upper: Root,
    /// The merged view of everything below; `None` below the first layer.
    pub lower: Option<Root>,
    /// The attribute with which overlayfs marks an opaque directory here.
    pub opaque: &'static str,
    /// Whether `upper` is a whole tree, so that what it lacks is deleted.
    pub whole: bool,
}

/// Reports every difference to `sink`, sorted by path.
pub fn diff(trees: &Trees, sink: &mut dyn FnMut(Change) -> Result<(), DiffError>) -> Result<(), DiffError> {
    diff_where(trees, &mut |_| Ok(true), sink)
}

/// Like [`diff`]. `touched` returns whether a path of the upper tree, or anything in it, may differ.
pub(crate) fn diff_where(
    trees: &Trees,
    touched: &mut dyn FnMut(&[u8]) -> io::Result<bool>,
    sink: &mut dyn FnMut(Change) -> Result<(), DiffError>,
) -> Result<(), DiffError> {
    let mut job = Job {
        trees,
        touched,
        pending: Pending::new(sink),
        links: HashMap::new(),
        opaque: BTreeSet::new(),
        gone: BTreeSet::new(),
    };
    job.root()?;
    walk::walk(trees.upper.fd(), trees.upper.owners(), &mut |entry| {
        job.visit(entry).map_err(|error| error.at(entry.path))
    })?;
    job.deletions_before(None)?;
    job.pending.finish()
}

struct Job<'a> {
    trees: &'a Trees,
    touched: &'a mut dyn FnMut(&[u8]) -> io::Result<bool>,
    pending: Pending<'a>,
    /// The first path of each inode with several names.
    links: HashMap<((u32, u32), u64), Vec<u8>>,
    /// Directories whose lower content is hidden.
    opaque: BTreeSet<Vec<u8>>,
    /// Lower paths that an opaque directory hides, until the walk passes them.
    gone: BTreeSet<Vec<u8>>,
}

impl Job<'_> {
    fn lower(&self) -> Option<&Root> {
        self.trees.lower.as_ref()
    }

    fn root(&mut self) -> Result<(), DiffError> {
        let meta = self.trees.upper.lstat(b"")?;
        let same = match lower_meta(self.lower(), b"")? {
            Some(old) => same_metadata(&meta, &old),
            None => meta.mode == 0o755 && meta.uid == 0 && meta.gid == 0,
        };
        if !same {
            let put = put(self.trees.upper.fd(), b"", b".", &meta, Kind::Dir { opaque: false })?;
            self.pending.push(b".", put)?;
        }
        self.hide_lower(b"", self.trees.whole)
    }

    fn visit(&mut self, entry: &Entry) -> Result<Next, DiffError> {
        self.deletions_before(Some(entry.path))?;
        if !(self.touched)(entry.path)? {
            return Ok(Next::Skip);
        }
        if entry.meta.is_whiteout() {
            if lower_meta(self.lower(), entry.path)?.is_some() {
                self.delete(entry.path)?;
            }
            return Ok(Next::Skip);
        }
        if entry.name.starts_with(b".wh.") {
            return Err(DiffError::WhiteoutName(String::from_utf8_lossy(entry.path).into_owned()));
        }
        match entry.meta.kind {
            // An archive cannot contain a socket, but the file it replaces is gone.
            FileKind::Socket => {
                if lower_meta(self.lower(), entry.path)?.is_some() {
                    self.delete(entry.path)?;
                }
                Ok(Next::Skip)
            }
            FileKind::Dir => {
                self.directory(entry)?;
                Ok(Next::Descend)
            }
            _ => {
                self.other(entry)?;
                Ok(Next::Skip)
            }
        }
    }

    fn directory(&mut self, entry: &Entry) -> Result<(), DiffError> {
        let old = lower_meta(self.lower(), entry.path)?;
        let put = put(entry.dir, entry.name, entry.path, &entry.meta, Kind::Dir { opaque: false })?;
        match &old {
            Some(old) if same_metadata(&entry.meta, old) => self.pending.parent(entry.path, put)?,
            _ => self.pending.push(entry.path, put)?,
        }
        let inherited = self.opaque.contains(split(entry.path).0);
        let marked = xattr::get(entry.dir, entry.name, self.trees.opaque)?.is_some_and(|value| value == b"y");
        self.hide_lower(entry.path, inherited || marked)
    }

    /// Adds the paths that an opaque directory hides. A path that the upper tree has too is not a deletion.
    fn hide_lower(&mut self, path: &[u8], hidden: bool) -> Result<(), DiffError> {
        let Some(lower) = self.trees.lower.as_ref().filter(|_| hidden) else { return Ok(()) };
        self.opaque.insert(path.to_vec());
        let dir = match lower.lstat(path) {
            Ok(meta) if meta.is_dir() => lower.open_dir(path)?,
            Ok(_) => return Ok(()),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        for name in walk::names(dir)? {
            let child = if path.is_empty() { name } else { [path, b"/", &name].concat() };
            self.gone.insert(child);
        }
        Ok(())
    }

    /// Writes the deletions that sort before `path`, or all.
    fn deletions_before(&mut self, path: Option<&[u8]>) -> Result<(), DiffError> {
        while let Some(first) = self.gone.first() {
            match path {
                Some(path) if first.as_slice() > path => break,
                Some(path) if first.as_slice() == path => {
                    self.gone.pop_first();
                    break;
                }
                _ => {}
            }
            if let Some(gone) = self.gone.pop_first() {
                self.delete(&gone)?;
            }
        }
        Ok(())
    }

    fn delete(&mut self, path: &[u8]) -> Result<(), DiffError> {
        self.pending.push(path, Change::Delete { path: WirePath::new(path)? })
    }

    fn other(&mut self, entry: &Entry) -> Result<(), DiffError> {
        let meta = &entry.meta;
        if let Some(lower) = self.lower()
            && let Some(old) = lower_meta(Some(lower), entry.path)?
            && unchanged(entry.dir, entry.name, meta, lower, entry.path, &old)?
        {
            return Ok(());
        }
        let kind = match self.first_name(entry) {
            Some(first) => Kind::Hardlink { target: Target(first) },
            None => kind_of(entry)?,
        };
        self.pending.push(entry.path, put(entry.dir, entry.name, entry.path, meta, kind)?)
    }

    /// The earlier path of the same inode, if one was reported; otherwise remembers this one.
    fn first_name(&mut self, entry: &Entry) -> Option<Vec<u8>> {
        if entry.meta.nlink < 2 {
            return None;
        }
        let inode = (entry.meta.dev, entry.meta.ino);
        let first = self.links.get(&inode).cloned();
        if first.is_none() {
            self.links.insert(inode, entry.path.to_vec());
        }
        first
    }
}

fn kind_of(entry: &Entry) -> io::Result<Kind> {
    let meta = &entry.meta;
    Ok(match meta.kind {
        FileKind::Symlink => {
            let target = rustix::fs::readlinkat(entry.dir, entry.name, Vec::new())?;
            Kind::Symlink { target: Target(target.into_bytes()) }
        }
        FileKind::Fifo => Kind::Fifo,
        FileKind::Char => Kind::Char { major: meta.rdev.0, minor: meta.rdev.1 },
        FileKind::Block => Kind::Block { major: meta.rdev.0, minor: meta.rdev.1 },
        _ => Kind::File { size: meta.size, source: None },
    })
}

fn put(
    dir: std::os::fd::BorrowedFd<'_>,
    name: &[u8],
    path: &[u8],
    meta: &Meta,
    kind: Kind,
) -> Result<Change, DiffError> {
    let mut xattrs = BTreeMap::new();
    if meta.kind == FileKind::File
        && let Some(value) = xattr::get(dir, name, xattr::CAPABILITY)?
    {
        xattrs.insert(xattr::CAPABILITY.to_owned(), Base64(value));
    }
    Ok(Change::Put(Box::new(Put {
        path: WirePath::new(path)?,
        mode: format!("{:04o}", meta.mode),
        uid: meta.uid,
        gid: meta.gid,
        mtime: meta.mtime,
        xattrs,
        kind,
    })))
}
