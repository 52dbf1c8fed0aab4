//! Where a COPY or ADD writes: a path of the tree of a stage, in the snapshot that is being made.

use crate::error::StepError;
use crate::session::Session;
use libcopy::Selection;
use libstore::NewSnapshot;
use libtree::Root;
use std::path::PathBuf;

/// A path of the tree of `lowers` and `new`.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    /// The trees below, lowest first.
    pub lowers: &'a [PathBuf],
    /// The snapshot that takes what is written.
    pub new: &'a NewSnapshot,
    /// The path. With a slash at its end it is a directory.
    pub target: &'a str,
}

impl Destination<'_> {
    /// Writes what is selected. Gives a warning if that is not all.
    pub fn write(&self, session: &Session, selections: &[Selection]) -> Result<Option<String>, StepError> {
        let merged = session.mount(self.lowers, Some((self.new.upper(), self.new.work())))?;
        let root = Root::from_fd(merged, session.options.isolation.owners());
        for selection in selections {
            selection.write(&root, self.target.as_bytes())?;
        }
        let devices: u64 = selections.iter().map(Selection::left_out).sum();
        let what = format!("{devices} device nodes of the archive are left out: only root can make them");
        Ok(Some(what).filter(|_| devices > 0))
    }
}
