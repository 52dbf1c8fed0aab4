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

/// A path of a tree that was read.
pub struct TreePath {
    /// The tree.
    pub tree: Box<Tree>,
    /// The path.
    pub path: String,
    /// The digest of what is there.
    pub content: String,
}

impl TreePath {
    /// Reads what is at `path` in `tree`.
    pub fn read(session: &Session, tree: Tree, path: String) -> Result<Self, StepError> {
        let (ignore, request) = (tree.ignore_patterns()?, request(session, &path));
        let selection = tree.select(ignore.as_ref(), &request)?;
        session.contents.note(&tree.name, tree.local, &selection);
        let content = selection.digest().to_owned();
        drop(selection);
        Ok(Self { tree: Box::new(tree), path, content })
    }

    /// The mode, owner and group that it has in an image.
    pub fn mode_and_owner(&self) -> Result<(u32, u32, u32), StepError> {
        let Self { tree, path, .. } = self;
        let found = tree.root.resolve(path.as_bytes(), true).and_then(|at| tree.root.lstat(&at));
        let meta = found.map_err(StepError::io(path))?;
        let (uid, gid) = if tree.local { (0, 0) } else { (meta.uid, meta.gid) };
        Ok((meta.mode, uid, gid))
    }

    /// A copy of it, in the same place, without what is ignored and with owners as an image would have them.
    pub fn view(&self, session: &Session) -> Result<NewSnapshot, StepError> {
        let view = session.store.new_snapshot(&[])?;
        self.copy(session, view.upper(), &self.path)?;
        Ok(view)
    }

    /// Fills the new directory `into` with what is in it.
    pub fn fill(&self, session: &Session, into: &Path) -> Result<(), StepError> {
        self.copy(session, into, "/")
    }

    /// Copies it to `target` of the tree at `into`, if its digest is still what the step's key was made of.
    fn copy(&self, session: &Session, into: &Path, target: &str) -> Result<(), StepError> {
        let Self { tree, path, content } = self;
        let root = Root::open(into, session.options.isolation.owners());
        let root = root.map_err(StepError::io(&into.display().to_string()))?;
        let (ignore, request) = (tree.ignore_patterns()?, request(session, path));
        let selection = tree.select(ignore.as_ref(), &request)?;
        if selection.digest() != content {
            return Err(StepError::failed(format!("{path:?} changed while it was read; build again")));
        }
        Ok(selection.write(&root, target.as_bytes())?)
    }
}

/// A request for one path that is no pattern.
fn request(session: &Session, path: &str) -> Request {
    Request { sources: vec![literal(path)], now: session.now(), ..Request::default() }
}
