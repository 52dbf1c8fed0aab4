//! The first phase: every path that will be copied, and a digest of all that decides the result.

use crate::error::CopyError;
use crate::sources::{self, Found, join};
use crate::{Request, Tree, archive};
use blake3::Hasher;
use libpattern::Matcher;
use libtree::walk::{self, Next};
use libtree::{FileKind, Meta, xattr};
use rustix::fs::OFlags;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

/// What a request means in a tree.
pub struct Selection<'a> {
    pub(crate) tree: Tree<'a>,
    pub(crate) request: &'a Request,
    pub(crate) sources: Vec<Selected>,
    digest: String,
}

/// One source.
pub(crate) struct Selected {
    pub found: Found,
    pub kind: Kind,
}

pub(crate) enum Kind {
    /// A directory's contents: paths below it, parents before what is in them.
    Dir(Vec<Member>),
    /// A file, or something else that is no directory.
    File,
    /// An archive to unpack.
    Archive,
}

/// A path in a directory that is copied.
pub(crate) struct Member {
    pub path: Vec<u8>,
    pub meta: Meta,
}

impl<'a> Selection<'a> {
    /// Resolves the sources of `request` in `tree` and reads them.
    pub fn new(tree: Tree<'a>, request: &'a Request) -> Result<Self, CopyError> {
        let exclude = matcher(request.exclude.iter().map(String::as_str))?;
        let mut sources = Vec::new();
        let mut digest = Digest { hasher: Hasher::new(), tree, owner: request.owner.is_none() };
        for found in sources::find(&tree, request)? {
            if let Some(selected) = select(&tree, request, &exclude, found)? {
                digest.source(&selected)?;
                sources.push(selected);
            }
        }
        for (name, bytes) in &request.documents {
            digest.part(b"document");
            digest.part(name.as_bytes());
            digest.part(bytes);
        }
        let digest = format!("blake3:{}", digest.hasher.finalize().to_hex());
        Ok(Self { tree, request, sources, digest })
    }

    /// A digest of kinds, modes, contents and links of all that is selected, of the names that are not the
    /// request's own words, and of owners where they are kept. Times are not in it.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn matcher<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Matcher, CopyError> {
    Matcher::new(patterns).map_err(|bad| CopyError::Pattern(bad.what))
}

fn select(
    tree: &Tree,
    request: &Request,
    exclude: &Matcher,
    found: Found,
) -> Result<Option<Selected>, CopyError> {
    let kind = match found.meta.kind {
        FileKind::Dir => Kind::Dir(members(tree, exclude, &found)?),
        _ if found.matched && exclude.matches(&found.name) => return Ok(None),
        FileKind::File if request.extract && archive::is_archive(&open(tree, &found.path)?)? => Kind::Archive,
        _ => Kind::File,
    };
    Ok(Some(Selected { found, kind }))
}

/// What of a directory is copied. A directory that is left out itself is there when something in it is not.
fn members(tree: &Tree, exclude: &Matcher, found: &Found) -> Result<Vec<Member>, CopyError> {
    let include = found.include.as_deref().map(|pattern| matcher([pattern])).transpose()?;
    let lazy = |ignore: &Matcher| ignore.has_exceptions();
    let enter_excluded = lazy(exclude) || tree.ignore.is_some_and(lazy);
    let dir = tree.root.open_dir(&found.path).map_err(CopyError::io(&found.path))?;
    let mut members: Vec<Member> = Vec::new();
    let mut waiting: HashMap<Vec<u8>, Meta> = HashMap::new();
    walk::walk::<io::Error>(&dir, tree.root.owners(), &mut |entry| {
        let out = tree.ignore.is_some_and(|ignore| ignore.matches(&join(&found.path, entry.path)))
            || exclude.matches(entry.path);
        let wanted = !out && include.as_ref().is_none_or(|include| include.matches(entry.path));
        if wanted {
            for (at, _) in entry.path.iter().enumerate().filter(|&(_, &b)| b == b'/') {
                if let Some(meta) = waiting.remove(&entry.path[..at]) {
                    members.push(Member { path: entry.path[..at].to_vec(), meta });
                }
            }
            members.push(Member { path: entry.path.to_vec(), meta: entry.meta.clone() });
        } else if out && !enter_excluded {
            return Ok(Next::Skip);
        } else if entry.meta.is_dir() {
            waiting.insert(entry.path.to_vec(), entry.meta.clone());
        }
        Ok(Next::Descend)
    })
    .map_err(CopyError::io(&found.path))?;
    Ok(members)
}

/// Opens a regular file of a tree.
pub(crate) fn open(tree: &Tree, path: &[u8]) -> Result<File, CopyError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    tree.root.open_at(path, flags, 0).map(File::from).map_err(CopyError::io(path))
}

struct Digest<'a> {
    hasher: Hasher,
    tree: Tree<'a>,
    /// Whether owners are kept.
    owner: bool,
}

impl Digest<'_> {
    fn part(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }

    /// Says how many parts come, so that no two selections give one text.
    fn count(&mut self, parts: usize) {
        self.hasher.update(&(parts as u64).to_le_bytes());
    }

    fn source(&mut self, selected: &Selected) -> Result<(), CopyError> {
        let Found { path, name, meta, matched, .. } = &selected.found;
        // A name that no pattern found is the request's.
        let name = if *matched { name.as_slice() } else { b"" };
        match &selected.kind {
            Kind::Dir(members) => {
                self.part(b"directory");
                self.count(members.len());
                for member in members {
                    self.path(&join(path, &member.path), &member.path, &member.meta)?;
                }
            }
            Kind::File => {
                self.part(b"file");
                self.path(path, name, meta)?;
            }
            Kind::Archive => {
                self.part(b"archive");
                self.path(path, name, meta)?;
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &[u8], name: &[u8], meta: &Meta) -> Result<(), CopyError> {
        self.part(name);
        self.part(format!("{:?} {:o} {:?}", meta.kind, meta.mode, meta.rdev).as_bytes());
        if self.owner && !self.tree.local {
            self.part(format!("{}:{}", meta.uid, meta.gid).as_bytes());
        }
        match meta.kind {
            FileKind::File => {
                let file = open(&self.tree, path)?;
                self.attributes(&file).map_err(CopyError::io(path))?;
                let mut content = Hasher::new();
                content.update_reader(&file).map_err(CopyError::io(path))?;
                self.part(content.finalize().as_bytes());
            }
            FileKind::Symlink => {
                let target = self.tree.root.read_link(path).map_err(CopyError::io(path))?;
                self.part(&target);
            }
            FileKind::Dir => {
                let dir = self.tree.root.open_dir(path).map_err(CopyError::io(path))?;
                self.attributes(&dir).map_err(CopyError::io(path))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn attributes(&mut self, fd: impl AsFd) -> io::Result<()> {
        let mut kept = Vec::new();
        for key in xattr::list(&fd, b"")? {
            if key == xattr::CAPABILITY || (key.starts_with("user.") && !ours(&key)) {
                kept.extend(xattr::get(&fd, b"", &key)?.map(|value| (key, value)));
            }
        }
        // File systems list them in the order they like.
        kept.sort();
        self.count(kept.len());
        for (key, value) in kept {
            self.part(key.as_bytes());
            self.part(&value);
        }
        Ok(())
    }
}

/// Attributes by which overlayfs and this suite keep house.
fn ours(key: &str) -> bool {
    key.starts_with("user.overlay.") || key.starts_with("user.stagepipe.")
}
