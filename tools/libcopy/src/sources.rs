//! What the words of COPY and ADD mean: patterns expanded, links followed, nothing outside the tree.

use crate::error::{CopyError, shown};
use crate::{Request, Tree};
use libpattern::{Matcher, has_wildcards, path_match};
use libtree::root::{components, split};
use libtree::{FileKind, Meta, walk};
use rustix::io::Errno;
use std::borrow::Cow;
use std::io;

/// A source that is there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Where it is, free of links; empty is the root.
    pub path: Vec<u8>,
    /// The last component of its name as written: what a file is called in a directory.
    pub name: Vec<u8>,
    /// What it is.
    pub meta: Meta,
    /// What of a directory is meant.
    pub include: Include,
    /// Whether a pattern found it.
    pub matched: bool,
    /// Whether `--exclude` has its name: then it is a directory, of which only what an exception names is meant.
    pub excluded: bool,
}

/// What of a directory is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    /// Everything in it.
    All,
    /// With `--parents`: this path below it and what is in that.
    Path(Vec<u8>),
    /// With `--parents`: what this pattern matches below it.
    Pattern(String),
}

/// Finds all sources of a request, in order.
pub(crate) fn find(tree: &Tree, request: &Request, exclude: &Matcher) -> Result<Vec<Found>, CopyError> {
    let mut found = Vec::new();
    for source in &request.sources {
        match request.parents {
            true => with_parents(tree, source, exclude, &mut found)?,
            false => found.extend(named(tree, &clean(source.as_bytes()), exclude)?),
        }
    }
    Ok(found)
}

/// The places that a cleaned path or pattern names. Only a path has to be there, and only what a pattern finds can be
/// excluded.
fn named(tree: &Tree, path: &[u8], exclude: &Matcher) -> Result<Vec<Found>, CopyError> {
    if !has_wildcards(path) {
        let path = unescape(path);
        return Ok(vec![lookup(tree, &path, false)?.ok_or_else(|| not_found(tree, &path))?]);
    }
    let mut matches = vec![Vec::new()];
    let mut below = false;
    for part in components(path) {
        let mut next = Vec::new();
        for dir in &matches {
            // Links are followed up to the first wildcard, and where a match is one.
            if !below || is_directory(tree, dir)? {
                expand(tree, dir, part, &mut next)?;
            }
        }
        matches = next;
        below |= has_wildcards(part);
    }
    matches.sort();
    let mut found = Vec::new();
    for path in &matches {
        let excluded = exclude.matches(split(path).1);
        match lookup(tree, path, true)? {
            Some(there) if there.meta.is_dir() || !excluded => found.push(Found { excluded, ..there }),
            // It does not matter where an excluded link leads.
            Some(_) => {}
            None if !excluded && is_link(tree, path)? => return Err(not_found(tree, path)),
            None => {}
        }
    }
    Ok(found)
}

fn is_directory(tree: &Tree, path: &[u8]) -> Result<bool, CopyError> {
    Ok(itself(tree, path)?.is_some_and(|meta| meta.is_dir()))
}

/// Whether `path` is a link that no ignore file leaves out.
fn is_link(tree: &Tree, path: &[u8]) -> Result<bool, CopyError> {
    match itself(tree, path)? {
        Some(meta) if meta.kind == FileKind::Symlink => visible(tree, path, &meta),
        _ => Ok(false),
    }
}

/// What `path` is, a link at its end not followed.
fn itself(tree: &Tree, path: &[u8]) -> Result<Option<Meta>, CopyError> {
    match tree.root.resolve(path, false).and_then(|at| tree.root.lstat(&at)) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(CopyError::io(path)(error)),
    }
}

/// Adds what `part` of a pattern matches in `dir`.
fn expand(tree: &Tree, dir: &[u8], part: &[u8], next: &mut Vec<Vec<u8>>) -> Result<(), CopyError> {
    if !has_wildcards(part) {
        next.push(join(dir, &unescape(part)));
        return Ok(());
    }
    let names = match tree.root.open_dir(dir) {
        Ok(dir) => walk::names(dir).map_err(CopyError::io(b""))?,
        Err(error) if absent(&error) => return Ok(()),
        Err(error) => return Err(CopyError::io(dir)(error)),
    };
    for name in names {
        if path_match(part, &name).map_err(|bad| CopyError::Pattern(bad.to_string()))? {
            next.push(join(dir, &name));
        }
    }
    Ok(())
}

/// `--parents`: the source is the directory before `/./`, or the root, and what comes after is below it.
fn with_parents(
    tree: &Tree,
    source: &str,
    exclude: &Matcher,
    found: &mut Vec<Found>,
) -> Result<(), CopyError> {
    let (base, below) = source.split_once("/./").unwrap_or(("", source));
    let (base, below) = (clean(base.as_bytes()), clean(below.as_bytes()));
    for base in named(tree, &base, exclude)? {
        let include = match (below.is_empty(), has_wildcards(&below)) {
            // The directory itself is everything in it.
            (true, _) => Include::All,
            (false, true) if !base.meta.is_dir() => continue,
            (false, true) => Include::Pattern(String::from_utf8_lossy(&below).into_owned()),
            (false, false) => {
                let path = unescape(&below);
                let whole = join(&base.path, &path);
                match lookup(tree, &whole, false)? {
                    Some(_) => {
                        through_no_link(tree, &whole)?;
                        Include::Path(path)
                    }
                    None if base.matched => continue,
                    None => return Err(not_found(tree, &whole)),
                }
            }
        };
        found.push(Found { include, ..base });
    }
    Ok(())
}

/// Refuses a path of `--parents`, free of links up to its base, that a link is above: the directory would take
/// the link's name, as in no tree it is.
fn through_no_link(tree: &Tree, path: &[u8]) -> Result<(), CopyError> {
    let (above, name) = split(path);
    let real = tree.root.resolve(above, true).map_err(CopyError::io(path))?;
    match real == above {
        true => Ok(()),
        false => Err(CopyError::ThroughLink { path: shown(path), real: shown(&join(&real, name)) }),
    }
}

/// What `path` leads to, its links followed; nothing when it is not there or ignored.
fn lookup(tree: &Tree, path: &[u8], matched: bool) -> Result<Option<Found>, CopyError> {
    let resolved = match tree.root.resolve(path, true) {
        Ok(resolved) => resolved,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(CopyError::io(path)(error)),
    };
    let meta = match tree.root.lstat(&resolved) {
        Ok(meta) => meta,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(CopyError::io(path)(error)),
    };
    if !visible(tree, path, &meta)? || !visible(tree, &resolved, &meta)? {
        return Ok(None);
    }
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or_default().to_vec();
    Ok(Some(Found { path: resolved, name, meta, include: Include::All, matched, excluded: false }))
}

/// Whether an ignore file leaves `path`, or anything in it, in the context.
fn visible(tree: &Tree, path: &[u8], meta: &Meta) -> Result<bool, CopyError> {
    let Some(ignore) = tree.ignore.filter(|_| !path.is_empty()) else { return Ok(true) };
    if !ignore.matches(path) {
        return Ok(true);
    }
    if meta.kind != FileKind::Dir || !ignore.can_return_below(path) {
        return Ok(false);
    }
    let dir = tree.root.open_dir(path).map_err(CopyError::io(path))?;
    let mut any = false;
    walk::walk::<io::Error>(&dir, tree.root.owners(), &mut |entry| {
        let path = join(path, entry.path);
        any |= !ignore.matches(&path);
        let enter = !any && entry.meta.is_dir() && ignore.can_return_below(&path);
        Ok(if enter { walk::Next::Descend } else { walk::Next::Skip })
    })
    .map_err(CopyError::io(path))?;
    Ok(any)
}

fn not_found(tree: &Tree, path: &[u8]) -> CopyError {
    let excluding = |ignore: &libpattern::Matcher, path: &[u8]| {
        ignore.deciding(path).filter(|(excluded, _)| *excluded).map(|(_, line)| line)
    };
    let there = tree.root.lstat(path).is_ok();
    let ignored = tree.ignore.filter(|_| there).and_then(|ignore| {
        let target = || excluding(ignore, &tree.root.resolve(path, true).ok()?);
        excluding(ignore, path).or_else(target)
    });
    CopyError::not_found(path, ignored)
}

/// Whether it says that nothing is there, which is also so at the end of links that lead in a circle.
fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// A path without `.`, `..` and superfluous slashes; `..` stops at the root.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in components(path) {
        match part {
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// Removes the backslashes of a pattern that has no wildcard.
fn unescape(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(path.len());
    let mut bytes = path.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next()),
            byte => plain.push(byte),
        }
    }
    plain
}

/// The same, and not a copy where one is the other.
pub(crate) fn below<'a>(dir: &'a [u8], name: &'a [u8]) -> Cow<'a, [u8]> {
    match (dir.is_empty(), name.is_empty()) {
        (true, _) => Cow::Borrowed(name),
        (_, true) => Cow::Borrowed(dir),
        _ => Cow::Owned(join(dir, name)),
    }
}

pub(crate) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    match (dir.is_empty(), name.is_empty()) {
        (true, _) => name.to_vec(),
        (_, true) => dir.to_vec(),
        _ => [dir, b"/", name].concat(),
    }
}
