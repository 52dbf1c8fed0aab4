//! What of a directory is copied: all but what is ignored or excluded, or with `--parents` what was asked for.

use crate::Tree;
use crate::error::CopyError;
use crate::select::{Member, matcher};
use crate::sources::{Found, Include, join};
use libpattern::Matcher;
use libtree::Meta;
use libtree::walk::{self, Next};
use std::collections::HashMap;
use std::io;

/// The paths below `found` that are copied, parents before what is in them.
pub(crate) fn find(tree: &Tree, exclude: &Matcher, found: &Found) -> Result<Vec<Member>, CopyError> {
    let mut finder = Finder { tree, exclude, include: None, members: Vec::new(), waiting: HashMap::new() };
    match &found.include {
        Include::All => finder.walk(&found.path, b"")?,
        Include::Pattern(pattern) => {
            finder.include = Some(matcher([pattern.as_str()])?);
            finder.walk(&found.path, b"")?;
        }
        Include::Path(path) => finder.path(&found.path, path)?,
    }
    Ok(finder.members)
}

struct Finder<'a> {
    tree: &'a Tree<'a>,
    exclude: &'a Matcher,
    include: Option<Matcher>,
    members: Vec<Member>,
    /// Directories that are copied only if something in them is.
    waiting: HashMap<Vec<u8>, Meta>,
}

impl Finder<'_> {
    /// Considers everything in the directory `real`, which is called `name` where it is copied to.
    fn walk(&mut self, real: &[u8], name: &[u8]) -> Result<(), CopyError> {
        let dir = self.tree.root.open_dir(real).map_err(CopyError::io(real))?;
        walk::walk::<io::Error>(&dir, self.tree.root.owners(), &mut |entry| {
            Ok(self.consider(&join(real, entry.path), &join(name, entry.path), &entry.meta))
        })
        .map_err(CopyError::io(real))
    }

    /// One path below `base`, whose directories may be reached through links: each becomes a directory.
    fn path(&mut self, base: &[u8], path: &[u8]) -> Result<(), CopyError> {
        let root = self.tree.root;
        for (at, _) in path.iter().enumerate().filter(|&(_, &b)| b == b'/') {
            let above = join(base, &path[..at]);
            let meta = root.stat(&above).map_err(CopyError::io(&above))?;
            self.waiting.insert(path[..at].to_vec(), meta);
        }
        let whole = join(base, path);
        let real = root.resolve(&whole, false).map_err(CopyError::io(&whole))?;
        let meta = root.lstat(&real).map_err(CopyError::io(&whole))?;
        match self.consider(&real, path, &meta) {
            Next::Descend if meta.is_dir() => self.walk(&real, path),
            _ => Ok(()),
        }
    }

    /// Takes a path or leaves it; a directory that is left is there when something in it is not.
    fn consider(&mut self, real: &[u8], name: &[u8], meta: &Meta) -> Next {
        let ignore = self.tree.ignore.filter(|ignore| ignore.matches(real));
        let exclude = Some(self.exclude).filter(|exclude| exclude.matches(name));
        let include = self.include.as_ref().filter(|include| !include.matches(name));
        if ignore.is_none() && exclude.is_none() && include.is_none() {
            self.take(name, meta);
            return Next::Descend;
        }
        let enter = meta.is_dir()
            && ignore.is_none_or(|ignore| ignore.can_return_below(real))
            && exclude.is_none_or(|exclude| exclude.can_return_below(name))
            && include.is_none_or(|include| include.can_match_below(name));
        if !enter {
            return Next::Skip;
        }
        self.waiting.insert(name.to_vec(), meta.clone());
        Next::Descend
    }

    fn take(&mut self, path: &[u8], meta: &Meta) {
        if !self.waiting.is_empty() {
            for (at, _) in path.iter().enumerate().filter(|&(_, &b)| b == b'/') {
                if let Some(meta) = self.waiting.remove(&path[..at]) {
                    self.members.push(Member { path: path[..at].to_vec(), meta });
                }
            }
        }
        self.members.push(Member { path: path.to_vec(), meta: meta.clone() });
    }
}
