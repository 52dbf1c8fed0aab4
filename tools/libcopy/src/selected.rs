//! A source of COPY or ADD, and its paths.

use crate::Tree;
use crate::error::CopyError;
use crate::sources::Found;
use libpattern::Matcher;
use libtree::Meta;
use rustix::fs::OFlags;
use std::fs::File;

/// One source.
pub(crate) struct Selected {
    pub found: Found,
    pub kind: Kind,
}

pub(crate) enum Kind {
    /// The contents of a directory: paths below it, parents first.
    Dir(Vec<Member>),
    /// A file, or anything else that is not a directory.
    File,
    /// An archive to unpack.
    Archive,
}

/// A path that is copied from a directory.
pub(crate) struct Member {
    pub path: Vec<u8>,
    pub meta: Meta,
    /// Whether it is a directory that is copied only for its contents. If it exists, it keeps its owner.
    pub implied: bool,
}

pub(crate) fn matcher<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Matcher, CopyError> {
    Matcher::new(patterns).map_err(|bad| CopyError::Pattern(bad.what))
}

/// Opens a regular file of a tree.
pub(crate) fn open(tree: &Tree, path: &[u8]) -> Result<File, CopyError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    tree.root.open_at(path, flags, 0).map(File::from).map_err(CopyError::io(path))
}
