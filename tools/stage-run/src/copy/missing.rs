//! The error for a source that is not there: where it was looked for, and what was perhaps meant.

use crate::error::StepError;
use crate::tree::Tree;
use libcopy::Request;
use libpattern::Matcher;
use libtree::root::components;
use libtree::walk;

/// The error for `path`, which a source of `request` means. `ignored` is the line of the ignore file that
/// leaves it out.
pub fn explain(
    tree: &Tree,
    ignore: Option<&Matcher>,
    request: &Request,
    path: &str,
    ignored: Option<usize>,
) -> StepError {
    let plain = path.trim_start_matches('/');
    let source = request.sources.iter().find(|source| names(source, plain)).map_or("", String::as_str);
    // There may be several contexts, so this one has its full name.
    let place = if tree.name == "the context" { "the build context" } else { &tree.name };
    let what = format!("{path:?}: not found in {place}");
    let hint = match ignored.zip(tree.ignore.as_ref()) {
        Some((line, (file, text))) => left_out(file, text, line, plain),
        None if tree.local && source.starts_with("..") => {
            "; sources can't be outside of it: copy the file into it, or build with a directory above as the \
             context and name the Dockerfile with -f"
                .into()
        }
        None => match dead_link(tree, plain, source.is_empty()).or_else(|| sibling(tree, ignore, plain)) {
            Some(hint) => hint,
            None if tree.local && source.starts_with('/') => {
                "; sources are paths in it, and never of this machine outside of it".into()
            }
            None => listing(tree, plain),
        },
    };
    StepError::input(what).hint(&hint).token(source)
}

/// Whether a source, as written, means the clean path.
fn names(source: &str, plain: &str) -> bool {
    let clean = source.replace("/./", "/");
    clean == plain
        || components(clean.as_bytes()).filter(|part| *part != b"..").eq(components(plain.as_bytes()))
}

fn left_out(file: &str, text: &str, line: usize, plain: &str) -> String {
    let file = file.rsplit('/').next().unwrap_or(file);
    let pattern = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
    format!("; {file}:{line} leaves it out with {pattern:?}, add a line !{plain} below it to keep it")
}

/// The longest part of `path` that is a directory, and the name in it that is not there, with the rest.
fn broken<'p>(tree: &Tree, path: &'p str) -> (String, &'p str, &'p str) {
    let (mut dir, mut rest) = (String::new(), path);
    loop {
        let (name, after) = rest.split_once('/').unwrap_or((rest, ""));
        let inside = join(&dir, name);
        if after.is_empty() || !tree.root.stat(inside.as_bytes()).is_ok_and(|meta| meta.is_dir()) {
            return (dir, name, after);
        }
        (dir, rest) = (inside, after);
    }
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

fn names_in(tree: &Tree, dir: &str) -> Vec<String> {
    const MOST: usize = 10_000;
    let Ok(names) = tree.root.open_dir(dir.as_bytes()).and_then(walk::names) else { return Vec::new() };
    names.into_iter().take(MOST).filter_map(|name| String::from_utf8(name).ok()).collect()
}

/// A hint at the link in `path` that leads nowhere. If a pattern found it, it can be left out.
fn dead_link(tree: &Tree, path: &str, by_pattern: bool) -> Option<String> {
    let (dir, name, _) = broken(tree, path);
    let link = join(&dir, name);
    let target = tree.root.read_link(link.as_bytes()).ok()?;
    let how = match tree.root.stat(link.as_bytes()) {
        Ok(_) => "which is no directory".to_owned(),
        Err(_) if by_pattern => format!("which leads nowhere in it; leave it out with --exclude={name}"),
        Err(_) => "which leads nowhere in it".to_owned(),
    };
    Some(format!("; {link} is a link to {}, {how}", String::from_utf8_lossy(&target)))
}

/// The path that is nearest to `path`: with another name for the part that is not there.
fn sibling(tree: &Tree, ignore: Option<&Matcher>, path: &str) -> Option<String> {
    let (dir, name, after) = broken(tree, path);
    let kept = |name: &String| !ignore.is_some_and(|ignore| ignore.matches(join(&dir, name).as_bytes()));
    let there: Vec<String> = names_in(tree, &dir).into_iter().filter(kept).collect();
    let near = libcli::nearest(name, there.iter().map(String::as_str))?;
    let near = join(&dir, near);
    let near = if after.is_empty() { near } else { join(&near, after) };
    Some(format!("; did you mean {near}?"))
}

/// A hint that lists what is there instead.
fn listing(tree: &Tree, path: &str) -> String {
    const SHOWN: usize = 5;
    let (dir, ..) = broken(tree, path);
    let names = names_in(tree, &dir);
    let place = if dir.is_empty() { "it" } else { &dir };
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match (names.is_empty(), more) {
        (true, _) => format!("; {place} is empty"),
        (_, 0) => format!("; {place} has only {shown}"),
        (_, more) => format!("; {place} has {shown} and {more} more"),
    }
}
