//! Sources and flags of COPY and ADD that exclude each other.

use crate::error::ParseError;
use crate::values;
use libwire::remote::{Kind, Repository, host, redact};

/// A COPY or ADD, as far as its words are known.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whether it is ADD and not COPY.
    pub add: bool,
    /// The sources that are known.
    pub sources: &'a [String],
    /// How many sources there are, here-documents among them.
    pub count: usize,
    /// Whether `sources` are all but the here-documents.
    pub complete: bool,
    /// Whether `--checksum` is there.
    pub has_checksum: bool,
    /// Its text, if known and not empty.
    pub checksum: Option<&'a str>,
    /// `--keep-git-dir`.
    pub keep_git_dir: bool,
}

/// Refuses sources and flags that are invalid for any tree.
///
/// # Errors
/// The words that exclude each other, and the correct spelling.
pub fn check(asked: &Asked) -> Result<(), ParseError> {
    let remote = asked.sources.iter().find(|source| Kind::of(source) != Kind::Path);
    let error = |what: &str, token: &str| Err(ParseError::new(what).token(token));
    match (remote, asked.add) {
        (Some(source), false) => {
            error(&format!("{}: COPY does not take a URL; write ADD", redact(source)), source)
        }
        (None, _) if asked.has_checksum && asked.complete => {
            error("--checksum requires HTTP(S) or Git sources; leave it out", "--checksum")
        }
        (Some(_), true) if asked.checksum.is_some() && asked.count > 1 => {
            error("--checksum needs a single source; write one ADD for each", "--checksum")
        }
        _ => asked.sources.iter().try_for_each(|source| fetched(asked, source)),
    }
}

/// Refuses a source that cannot be fetched with these flags.
fn fetched(asked: &Asked, source: &str) -> Result<(), ParseError> {
    let bad = |token: &str| {
        let token = token.to_owned();
        move |what| ParseError::new(what).token(token)
    };
    match Kind::of(source) {
        Kind::Path => {}
        Kind::File if host(source).is_empty() => {
            return Err(bad(source)(format!("{}: this can't be a URL; correct it", redact(source))));
        }
        Kind::File => {
            if let Some(text) = asked.checksum {
                values::checksum(text).map_err(bad(text))?;
            }
        }
        Kind::Repository => {
            let mut repository = Repository::parse(source).map_err(bad(source))?;
            if let Some(commit) = asked.checksum {
                repository.require(commit).map_err(bad(commit))?;
            }
            if asked.keep_git_dir && repository.keep == Some(false) {
                let what = "--keep-git-dir and keep-git-dir=false contradict each other; leave one";
                return Err(ParseError::new(what).token("--keep-git-dir"));
            }
        }
    }
    Ok(())
}
