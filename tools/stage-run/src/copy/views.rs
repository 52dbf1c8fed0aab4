//! Copies that no COPY asks for, of one path of a tree: what mounts show, what caches begin with, and a directory that
//! is a stage's base.

use crate::copy::reading::literal;
use crate::error::StepError;
use crate::session::Session;
use crate::tree::Tree;
use libcopy::Request;
use libstore::NewSnapshot;
use libtree::Root;
use std::path::Path;

/// A path of a tree, and what was found there when it was read.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The tree.
    pub tree: &'a Tree,
    /// The path.
    pub path: &'a str,
    /// The digest of what is there.
    pub content: &'a str,
}

/// A digest of what is at `path` in `tree`.
pub fn content(session: &Session, tree: &Tree, path: &str) -> Result<String, StepError> {
    let (ignore, request) = (tree.ignore_patterns()?, request(session, path));
    let selection = tree.select(ignore.as_ref(), &request)?;
    session.contents.note(&tree.name, tree.local, &selection);
    Ok(selection.digest().to_owned())
}

/// Mode, owner and group that what is at `path` in `tree` has in an image.
pub fn mode_and_owner(tree: &Tree, path: &str) -> Result<(u32, u32, u32), StepError> {
    let found = tree.root.resolve(path.as_bytes(), true).and_then(|at| tree.root.lstat(&at));
    let meta = found.map_err(StepError::io(path))?;
    let (uid, gid) = if tree.local { (0, 0) } else { (meta.uid, meta.gid) };
    Ok((meta.mode, uid, gid))
}

/// A copy of `source`, in the same place, without what is ignored and with owners as an image would have them.
pub fn view(session: &Session, source: Source) -> Result<NewSnapshot, StepError> {
    let view = session.store.new_snapshot(&[])?;
    put(session, source, view.upper(), source.path)?;
    Ok(view)
}

/// Fills the new directory `into` with what is in the directory `source`.
pub fn fill(session: &Session, source: Source, into: &Path) -> Result<(), StepError> {
    put(session, source, into, "/")
}

/// Copies `source` to `target`, if its digest is still what the step's key was made of.
fn put(session: &Session, source: Source, into: &Path, target: &str) -> Result<(), StepError> {
    let Source { tree, path, content } = source;
    let root = Root::open(into, session.options.isolation.owners());
    let root = root.map_err(StepError::io(&into.display().to_string()))?;
    let (ignore, request) = (tree.ignore_patterns()?, request(session, path));
    let selection = tree.select(ignore.as_ref(), &request)?;
    if selection.digest() != content {
        return Err(StepError::failed(format!("{path:?} changed while it was read; build again")));
    }
    Ok(selection.write(&root, target.as_bytes())?)
}

/// A request for one path that is no pattern.
fn request(session: &Session, path: &str) -> Request {
    Request { sources: vec![literal(path)], now: session.now(), ..Request::default() }
}
