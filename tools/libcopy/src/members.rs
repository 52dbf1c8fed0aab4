//! The part of a directory that is copied: all of it but ignored and excluded paths, or with `--parents` the
//! requested part.

use crate::Tree;
use crate::error::CopyError;
use crate::selected::{Member, matcher};
use crate::sources::{Found, Include, below, join};
use libpattern::Matcher;
use libtree::Meta;
use libtree::scan::{self, Seen};
use libtree::walk::Next;
use std::collections::HashMap;

/// The paths below `found` that are copied, parents first.
pub(crate) fn find(tree: &Tree, exclude: &Matcher, found: &Found) -> Result<Vec<Member>, CopyError> {
    let include = match &found.include {
        Include::Pattern(pattern) => Some(matcher([pattern.as_str()])?),
        Include::All | Include::Path(_) => None,
    };
    let rules = Rules { ignore: tree.ignore, exclude, excluded: found.excluded, include };
    let mut finder = Finder { tree, rules, members: Vec::new(), waiting: HashMap::new() };
    match &found.include {
        Include::All | Include::Pattern(_) => finder.walk(&found.path, b"")?,
        Include::Path(path) => finder.path(&found.path, path)?,
    }
    Ok(finder.members)
}

/// The patterns that judge paths.
struct Rules<'a> {
    ignore: Option<&'a Matcher>,
    exclude: &'a Matcher,
    /// Whether everything is excluded that no exception names.
    excluded: bool,
    include: Option<Matcher>,
}

/// Whether a path is copied.
enum Verdict {
    Yes,
    /// It is copied if something in it is. It then counts as implied, unless only the ignore file excludes it.
    Perhaps {
        implied: bool,
    },
    No,
}

impl Rules<'_> {
    /// Judges `path` in the directory `real`, whose name at the destination is `name`.
    fn judge(&self, (real, name): (&[u8], &[u8]), path: &[u8], meta: &Meta) -> Verdict {
        let (real, name) = (below(real, path), below(name, path));
        let ignore = self.ignore.filter(|ignore| ignore.matches(&real));
        let exclude = Some(self.exclude).filter(|exclude| match self.excluded {
            true => exclude.deciding(&name).is_none_or(|(excluded, _)| excluded),
            false => exclude.matches(&name),
        });
        let include = self.include.as_ref().filter(|include| !include.matches(&name));
        if ignore.is_none() && exclude.is_none() && include.is_none() {
            return Verdict::Yes;
        }
        let enter = meta.is_dir()
            && ignore.is_none_or(|ignore| ignore.can_return_below(&real))
            && exclude.is_none_or(|exclude| exclude.can_return_below(&name))
            && include.is_none_or(|include| include.can_match_below(&name));
        if enter { Verdict::Perhaps { implied: exclude.or(include).is_some() } } else { Verdict::No }
    }
}

struct Finder<'a> {
    tree: &'a Tree<'a>,
    rules: Rules<'a>,
    members: Vec<Member>,
    /// Directories that are copied only if something in them is, and whether they then count as implied.
    waiting: HashMap<Vec<u8>, (Meta, bool)>,
}

impl Finder<'_> {
    /// Judges everything in the directory `real`, whose name at the destination is `name`.
    fn walk(&mut self, real: &[u8], name: &[u8]) -> Result<(), CopyError> {
        let dir = self.tree.root.open_dir(real).map_err(CopyError::io(real))?;
        let judge = |path: &[u8], meta: &Meta| match self.rules.judge((real, name), path, meta) {
            Verdict::No => (Verdict::No, Next::Skip),
            verdict => (verdict, Next::Descend),
        };
        let seen = scan::scan(&dir, self.tree.root.owners(), &judge).map_err(CopyError::io(real))?;
        self.members.reserve(seen.len());
        for Seen { path, meta, verdict } in seen {
            let path = if name.is_empty() { path } else { join(name, &path) };
            self.settle(path, meta, &verdict);
        }
        Ok(())
    }

    /// Judges one path below `base`, and the directories above it.
    fn path(&mut self, base: &[u8], path: &[u8]) -> Result<(), CopyError> {
        let root = self.tree.root;
        for (at, _) in path.iter().enumerate().filter(|&(_, &b)| b == b'/') {
            let above = join(base, &path[..at]);
            let meta = root.lstat(&above).map_err(CopyError::io(&above))?;
            self.waiting.insert(path[..at].to_vec(), (meta, true));
        }
        let whole = join(base, path);
        let meta = root.lstat(&whole).map_err(CopyError::io(&whole))?;
        let verdict = self.rules.judge((&whole, path), b"", &meta);
        let enter = meta.is_dir() && !matches!(verdict, Verdict::No);
        self.settle(path.to_vec(), meta, &verdict);
        if enter { self.walk(&whole, path) } else { Ok(()) }
    }

    /// Takes or leaves a path. A directory that was left is taken when something in it is.
    fn settle(&mut self, path: Vec<u8>, meta: Meta, verdict: &Verdict) {
        match verdict {
            Verdict::No => {}
            Verdict::Perhaps { implied } => drop(self.waiting.insert(path, (meta, *implied))),
            Verdict::Yes => self.take(path, meta),
        }
    }

    fn take(&mut self, path: Vec<u8>, meta: Meta) {
        if !self.waiting.is_empty() {
            for (at, _) in path.iter().enumerate().filter(|&(_, &b)| b == b'/') {
                if let Some((meta, implied)) = self.waiting.remove(&path[..at]) {
                    self.members.push(Member { path: path[..at].to_vec(), meta, implied });
                }
            }
        }
        self.members.push(Member { path, meta, implied: false });
    }
}
