//! Resolves the words of COPY and ADD: expands patterns and follows links, but never outside the tree.

use crate::error::{CopyError, shown};
use crate::{Request, Tree};
use libpattern::{Matcher, has_wildcards, path_match};
use libtree::root::{components, split};
use libtree::{FileKind, Meta, walk};
use rustix::io::Errno;
use std::borrow::Cow;
use std::io;

/// A source that exists.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Its real path; empty for the root.
    pub path: Vec<u8>,
    /// The last component of its name as written: the name of a file in the destination directory.
    pub name: Vec<u8>,
    /// Its metadata.
    pub meta: Meta,
    /// The part of a directory that is copied.
    pub include: Include,
    /// Whether a pattern found it.
    pub matched: bool,
    /// Whether `--exclude` matches its name. It is then a directory, of which only exceptions are copied.
    pub excluded: bool,
}

/// The part of a directory that is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    /// Everything in it.
    All,
    /// With `--parents`: this path below it, and everything in that.
    Path(Vec<u8>),
    /// With `--parents`: the matches of this pattern below it.
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

/// The places of a cleaned path or pattern. Only a path must exist, and only a match of a pattern can be excluded.
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
            // Links are followed up to the first wildcard, and if a match is a link.
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
            // The target of an excluded link does not matter.
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

/// Whether `path` is a link that no ignore file excludes.
fn is_link(tree: &Tree, path: &[u8]) -> Result<bool, CopyError> {
    match itself(tree, path)? {
        Some(meta) if meta.kind == FileKind::Symlink => visible(tree, path, &meta),
        _ => Ok(false),
    }
}

/// The metadata of `path`, with a link at its end not followed.
fn itself(tree: &Tree, path: &[u8]) -> Result<Option<Meta>, CopyError> {
    match tree.root.resolve(path, false).and_then(|at| tree.root.lstat(&at)) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(CopyError::io(path)(error)),
    }
}

/// Adds the matches of `part` of a pattern in `dir`.
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

/// `--parents`: the source is the directory before `/./`, or the root, and the rest is below it.
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
            // For the directory itself, everything in it is copied.
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

/// Refuses a path of `--parents`, with links resolved up to its base, if another link is above it: the directory
/// would have the name of the link.
fn through_no_link(tree: &Tree, path: &[u8]) -> Result<(), CopyError> {
    let (above, name) = split(path);
    let real = tree.root.resolve(above, true).map_err(CopyError::io(path))?;
    match real == above {
        true => Ok(()),
        false => Err(CopyError::ThroughLink { path: shown(path), real: shown(&join(&real, name)) }),
    }
}

/// The target of `path`, with links followed; `None` if it does not exist or is ignored.
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

/// Whether `path`, or anything in it, is in the context after the ignore file.
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

/// Whether the error means that nothing is there. The end of links in a circle counts as that.
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

/// Removes the backslashes from a pattern without wildcards.
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

/// The same, without a copy if one of them is empty.
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
