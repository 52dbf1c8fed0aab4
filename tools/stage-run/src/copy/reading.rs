//! Reading a tree: which paths of it the sources of a request mean.

use crate::copy::missing;
use crate::error::StepError;
use crate::tree::Tree;
use libcopy::{CopyError, Request, Selection};
use libpattern::{IgnoreFile, Matcher};

impl Tree {
    /// The patterns of its ignore file.
    pub fn ignore_patterns(&self) -> Result<Option<Matcher>, StepError> {
        let Some((place, text)) = &self.ignore else { return Ok(None) };
        let matcher = IgnoreFile::parse(text).matcher();
        matcher.map(Some).map_err(|bad| StepError::input(format!("{place}:{}: {}", bad.line, bad.what)))
    }

    /// Finds and reads the sources of `request`, without what `ignore` leaves out.
    pub fn select<'a>(
        &'a self,
        ignore: Option<&'a Matcher>,
        request: &'a Request,
    ) -> Result<Selection<'a>, StepError> {
        let memory = self.memory.as_ref();
        let (root, local, files) = (&self.root, self.local, memory.map(|memory| &memory.files));
        let selection = Selection::new(libcopy::Tree { root, ignore, local, memory: files }, request);
        if let Some(memory) = memory {
            memory.keep();
        }
        selection.map_err(|error| match error {
            CopyError::NotFound { path, ignored } => missing::explain(self, ignore, request, &path, ignored),
            other => other.into(),
        })
    }
}

/// A pattern that means `path` alone.
pub fn literal(path: &str) -> String {
    let mut source = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            source.push('\\');
        }
        source.push(c);
    }
    source
}
