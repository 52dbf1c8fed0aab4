//! The other second phase: describes the changes that a selection of the caller's own files would make, as records of
//! layer-changes(5) that name the files themselves. A layer can then be packed without a copy.
//!
//! It describes only simple cases: new paths in old or new directories. Everything else is left to
//! [`Selection::write`], whose result it must equal.

use crate::error::CopyError;
use crate::select::Selection;
use crate::selected::{Kind, Selected};
use crate::sources::join;
use crate::write::Links;
use libtree::root::{components, split};
use libtree::{FileKind, Meta, Root};
use libwire::changes::{self, Change, Put, Source, Target};
use libwire::path::WirePath;
use std::collections::{BTreeMap, HashSet};
use std::io;

/// Takes records, in order.
pub type Sink<'a> = dyn FnMut(Change) -> io::Result<()> + 'a;

impl Selection<'_> {
    /// Passes the changes that [`Selection::write`] to `target` would make in the tree `lower` to `sink`. Returns
    /// false, and passes nothing, if it cannot describe them. Without `lower` the tree is empty.
    pub fn changes(&self, lower: Option<&Root>, target: &[u8], sink: &mut Sink) -> Result<bool, CopyError> {
        match self.plan(lower, target) {
            Ok(plan) => plan.describe(sink).map(|()| true),
            Err(Unplain) => Ok(false),
        }
    }

    fn plan<'a>(&'a self, lower: Option<&'a Root>, target: &[u8]) -> Result<Plan<'a>, Unplain> {
        if !self.tree.local || !self.plain || !self.request.documents.is_empty() {
            return Err(Unplain);
        }
        let mut plan = Plan { selection: self, lower, paths: BTreeMap::new() };
        for (number, source) in self.sources.iter().enumerate() {
            plan.source(source, number, target)?;
        }
        plan.drop_unchanged();
        plan.check_paths()?;
        Ok(plan)
    }
}

/// It is not a simple case, or has an error: [`Selection::write`] has to copy it, or report the error.
struct Unplain;

/// Every path that is written, and its new content.
struct Plan<'a> {
    selection: &'a Selection<'a>,
    lower: Option<&'a Root>,
    paths: BTreeMap<Vec<u8>, Planned<'a>>,
}

enum Planned<'a> {
    Dir(Dir),
    /// The file at the path `from` of the source with this number.
    Copy {
        from: Vec<u8>,
        meta: &'a Meta,
        source: usize,
    },
}

#[derive(Clone, Copy)]
struct Dir {
    mode: u32,
    owner: (u32, u32),
    mtime: i64,
    /// Whether it exists in the lower tree.
    old: bool,
    /// Whether it is the same there.
    same: bool,
}

impl<'a> Plan<'a> {
    fn source(&mut self, source: &'a Selected, number: usize, target: &[u8]) -> Result<(), Unplain> {
        match &source.kind {
            Kind::Archive => Err(Unplain),
            Kind::File => {
                let dest = self.file_target(target, &source.found.name)?;
                self.member(dest, source.found.path.clone(), &source.found.meta, false, number)
            }
            Kind::Dir(members) => {
                let dest = self.directory(self.resolve(target)?)?;
                for member in members {
                    let (to, from) = (join(&dest, &member.path), join(&source.found.path, &member.path));
                    self.member(to, from, &member.meta, member.implied, number)?;
                }
                if let Some(Planned::Dir(dir)) = self.paths.get_mut(&dest)
                    && !source.found.path.is_empty()
                {
                    dir.mtime = source.found.meta.mtime;
                }
                Ok(())
            }
        }
    }

    /// The path that `write` uses: in `target` if that is a directory, and otherwise `target` itself.
    fn file_target(&mut self, target: &[u8], name: &[u8]) -> Result<Vec<u8>, Unplain> {
        let dest = self.resolve(target)?;
        let there = self.in_lower(&dest)?;
        let into = target.ends_with(b"/") || dest.is_empty() || there.is_some_and(|meta| meta.is_dir());
        let (dir, name) = match into {
            true => (dest, name.to_vec()),
            false => {
                let (dir, name) = split(&dest);
                (dir.to_vec(), name.to_vec())
            }
        };
        Ok(join(&self.directory(dir)?, &name))
    }

    /// Plans the directory `dest` and those above it, existing or new.
    fn directory(&mut self, dest: Vec<u8>) -> Result<Vec<u8>, Unplain> {
        let mut path = Vec::new();
        for part in components(&dest) {
            path = join(&path, part);
            match self.paths.get(&path) {
                Some(Planned::Dir(_)) => continue,
                Some(Planned::Copy { .. }) => return Err(Unplain),
                None => {}
            }
            let dir = match self.in_lower(&path)? {
                Some(meta) if meta.is_dir() => {
                    let (owner, mtime) = ((meta.uid, meta.gid), meta.mtime);
                    Dir { mode: meta.mode, owner, mtime, old: true, same: true }
                }
                Some(_) => return Err(Unplain),
                None => {
                    let (mode, owner) = self.selection.made();
                    Dir { mode, owner, mtime: self.selection.request.now.0, old: false, same: false }
                }
            };
            self.paths.insert(path.clone(), Planned::Dir(dir));
        }
        Ok(dest)
    }

    /// Plans the path `to` for the file at `from` of the source with this number.
    fn member(
        &mut self,
        to: Vec<u8>,
        from: Vec<u8>,
        meta: &'a Meta,
        implied: bool,
        source: usize,
    ) -> Result<(), Unplain> {
        let (above, name) = split(&to);
        // Layers refuse such names.
        if name.starts_with(b".wh.") {
            return Err(Unplain);
        }
        let old = match self.paths.get(above) {
            Some(Planned::Dir(dir)) => dir.old,
            Some(Planned::Copy { .. }) => return Err(Unplain),
            None => above.is_empty() && self.lower.is_some(),
        };
        let there = if old { self.in_lower(&to)? } else { None };
        let planned = match (meta.kind, there, self.paths.get(&to)) {
            (FileKind::Dir, there, None | Some(Planned::Dir(_))) => {
                if there.as_ref().is_some_and(|there| !there.is_dir()) {
                    return Err(Unplain);
                }
                Planned::Dir(self.sub_directory(meta, there.as_ref(), implied))
            }
            (FileKind::File | FileKind::Symlink, None, None) => Planned::Copy { from, meta, source },
            _ => return Err(Unplain),
        };
        self.paths.insert(to, planned);
        Ok(())
    }

    /// A directory of a source, written over the existing one, `there`.
    fn sub_directory(&self, meta: &Meta, there: Option<&Meta>, implied: bool) -> Dir {
        let mode = self.selection.mode(meta.mode, true);
        let (owner, mtime) = match there {
            Some(there) if implied => ((there.uid, there.gid), there.mtime),
            _ => (self.selection.owner(meta), meta.mtime),
        };
        let same = there.is_some_and(|there| there.mode == mode && (there.uid, there.gid) == owner);
        Dir { mode, owner, mtime, old: there.is_some(), same }
    }

    /// Drops directories that do not change, with no change below.
    fn drop_unchanged(&mut self) {
        let mut needed: HashSet<Vec<u8>> = HashSet::new();
        let mut dropped = Vec::new();
        for (path, planned) in self.paths.iter().rev() {
            match planned {
                Planned::Dir(Dir { same: true, .. }) if !needed.contains(path) => dropped.push(path.clone()),
                _ => {
                    needed.insert(split(path).0.to_vec());
                }
            }
        }
        for path in dropped {
            self.paths.remove(&path);
        }
    }

    /// Refuses paths that a stream cannot have.
    fn check_paths(&self) -> Result<(), Unplain> {
        let fits = |path: &[u8]| WirePath::new(path).is_ok();
        let good = |(path, planned): (&Vec<u8>, &Planned)| match planned {
            Planned::Dir(_) => fits(path),
            Planned::Copy { from, .. } => fits(path) && fits(from),
        };
        if self.paths.iter().all(good) { Ok(()) } else { Err(Unplain) }
    }

    fn describe(&self, sink: &mut Sink) -> Result<(), CopyError> {
        let mut links: BTreeMap<usize, Links> = BTreeMap::new();
        for (path, planned) in &self.paths {
            let change = match planned {
                Planned::Dir(dir) => {
                    put(path, dir.mode, dir.owner, dir.mtime, changes::Kind::Dir { opaque: false })?
                }
                Planned::Copy { from, meta, source } => {
                    let links = links.entry(*source).or_default();
                    let kind = self.kind(path, from, meta, links)?;
                    let (mode, owner) = (self.selection.mode(meta.mode, false), self.selection.owner(meta));
                    let mode = if meta.kind == FileKind::Symlink { meta.mode } else { mode };
                    put(path, mode, owner, meta.mtime, kind)?
                }
            };
            sink(change).map_err(CopyError::io(path))?;
        }
        Ok(())
    }

    fn kind(
        &self,
        path: &[u8],
        from: &[u8],
        meta: &Meta,
        links: &mut Links,
    ) -> Result<changes::Kind, CopyError> {
        if meta.nlink > 1 {
            if let Some(first) = links.get(&meta.identity()) {
                return Ok(changes::Kind::Hardlink { target: Target(first.clone()) });
            }
            links.insert(meta.identity(), path.to_vec());
        }
        if meta.kind == FileKind::Symlink {
            let target = self.selection.tree.root.read_link(from).map_err(CopyError::io(from))?;
            self.selection.unchanged(from, meta)?;
            return Ok(changes::Kind::Symlink { target: Target(target) });
        }
        let source = Source { path: wire(from)?, state: meta.state() };
        Ok(changes::Kind::File { size: meta.size, source: Some(Box::new(source)) })
    }

    /// The real path of `target` in the lower tree.
    fn resolve(&self, target: &[u8]) -> Result<Vec<u8>, Unplain> {
        match self.lower {
            Some(lower) => lower.resolve(target, true).map_err(|_| Unplain),
            None => Ok(components(target).collect::<Vec<_>>().join(&b'/')),
        }
    }

    /// The metadata of `path` in the lower tree.
    fn in_lower(&self, path: &[u8]) -> Result<Option<Meta>, Unplain> {
        match self.lower.map(|lower| lower.lstat(path)) {
            None => Ok(None),
            Some(Ok(meta)) => Ok(Some(meta)),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Some(Err(_)) => Err(Unplain),
        }
    }
}

fn put(
    path: &[u8],
    mode: u32,
    (uid, gid): (u32, u32),
    mtime: i64,
    kind: changes::Kind,
) -> Result<Change, CopyError> {
    let (path, mode, xattrs) = (wire(path)?, format!("{mode:04o}"), BTreeMap::new());
    Ok(Change::Put(Box::new(Put { path, mode, uid, gid, mtime, xattrs, kind })))
}

fn wire(path: &[u8]) -> Result<WirePath, CopyError> {
    WirePath::new(path).map_err(|bad| CopyError::io(path)(io::Error::other(bad.to_string())))
}
