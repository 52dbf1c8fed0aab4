//! The first phase: finds every path that will be copied, without writing anything.

use crate::digest::Digest;
use crate::error::CopyError;
use crate::selected::{Kind, Selected, matcher, open};
use crate::sources::{self, Found};
use crate::{Request, Tree, archive, members};
use libpattern::Matcher;
use libtree::FileKind;
use std::cell::Cell;

/// The sources of a request, resolved in a tree.
pub struct Selection<'a> {
    pub(crate) tree: Tree<'a>,
    pub(crate) request: &'a Request,
    pub(crate) sources: Vec<Selected>,
    digest: String,
    pub(crate) fingerprints: Vec<u64>,
    pub(crate) left_out: Cell<u64>,
    /// Whether no file has capabilities.
    pub(crate) plain: bool,
}

impl<'a> Selection<'a> {
    /// Resolves the sources of `request` in `tree` and reads them.
    pub fn new(tree: Tree<'a>, request: &'a Request) -> Result<Self, CopyError> {
        let exclude = matcher(request.exclude.iter().map(String::as_str))?;
        let mut sources = Vec::new();
        let mut digest = Digest::new(tree, request.owner.is_none());
        for found in sources::find(&tree, request, &exclude)? {
            if let Some(selected) = select(&tree, request, &exclude, found)? {
                digest.source(&selected)?;
                sources.push(selected);
            }
        }
        for (name, bytes) in &request.documents {
            digest.document(name, bytes);
        }
        let (digest, fingerprints, plain) = digest.finish();
        Ok(Self { tree, request, sources, digest, fingerprints, plain, left_out: Cell::default() })
    }

    /// How many device nodes of archives were not written, because only root can make them.
    pub fn left_out(&self) -> u64 {
        self.left_out.get()
    }

    /// How many sources are single files, without archives. Each is a file at the destination.
    pub fn files(&self) -> usize {
        let files = self.sources.iter().filter(|source| matches!(source.kind, Kind::File)).count();
        files + self.request.documents.len()
    }

    /// Whether there is nothing to copy.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.request.documents.is_empty()
    }

    /// Whether something may be left out by `--exclude`.
    pub fn excludes(&self) -> bool {
        !self.request.exclude.is_empty()
    }

    /// A digest of kinds, modes, contents and links of the selection, of names that are not in the request itself,
    /// and of owners if they are kept. Times are not part of it.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn select(
    tree: &Tree,
    request: &Request,
    exclude: &Matcher,
    found: Found,
) -> Result<Option<Selected>, CopyError> {
    let kind = match found.meta.kind {
        FileKind::Dir => {
            let members = members::find(tree, exclude, &found)?;
            if found.excluded && members.is_empty() {
                return Ok(None);
            }
            Kind::Dir(members)
        }
        // A file of zeros is copied, as in BuildKit.
        FileKind::File
            if request.extract && archive::content(&open(tree, &found.path)?)? == archive::Content::Tar =>
        {
            Kind::Archive
        }
        _ => Kind::File,
    };
    Ok(Some(Selected { found, kind }))
}
