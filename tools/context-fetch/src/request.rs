//! Handles a request of stage-run: reads it from standard input, fetches its sources, and writes an answer to standard
//! output. stage-run decides which of the files are kept.

use crate::{empty, explain, say};
use libcli::Failure;
use libfetch::context::{self, Context};
use libfetch::git::{self, Pinned, Repository};
use libfetch::{Download, Environment, FetchError};
use libwire::Digest;
use libwire::fetch::{Answer, Request, Wanted};
use std::io::{Read, Write};
use std::path::Path;

/// The most bytes of a request, far more than secrets need.
const LARGEST: u64 = 64 << 20;

/// Reads a request from `input`, fetches its sources into the directory `into`, and writes the answer to `output`.
/// Servers only get the secrets of the request.
pub fn answer<W: Write>(
    input: &mut dyn Read,
    into: Option<&Path>,
    environment: &Environment,
    output: W,
) -> Result<W, Failure> {
    let mut text = Vec::new();
    let read = input.take(LARGEST).read_to_end(&mut text);
    read.map_err(|error| Failure::failed("standard input", error))?;
    let Request { wanted, secrets } = serde_json::from_slice(&text)
        .map_err(|error| Failure::bad_input("standard input", format!("this is no request: {error}")))?;
    let mut environment = environment.clone();
    environment.http.secrets = secrets.into_iter().map(|(name, bytes)| (name, bytes.0)).collect();
    match (&wanted, into) {
        (Wanted::Commit { .. }, _) => {}
        (_, Some(into)) => empty(into)?,
        (_, None) => {
            return Err(Failure::usage("--request: there is something to fetch; write --request=DIR"));
        }
    }
    let answer = fetch(wanted, into.unwrap_or(Path::new("")), &environment);
    let line = serde_json::to_vec(&answer.map_err(explain)?).map_err(|error| Failure::failed("", error))?;
    say(&line, output)
}

fn commit(source: &str, checksum: Option<String>, environment: &Environment) -> Result<Answer, FetchError> {
    let mut repository = Repository::parse(source).map_err(FetchError::invalid)?;
    if let Some(checksum) = checksum {
        repository.require(&checksum).map_err(FetchError::invalid)?;
    }
    git::pin(&repository, environment).map(Answer::Commit)
}

fn fetch(wanted: Wanted, into: &Path, environment: &Environment) -> Result<Answer, FetchError> {
    match wanted {
        Wanted::File { source, checksum, etag } => file(&source, checksum, etag, into, environment),
        Wanted::Commit { source, checksum } => commit(&source, checksum, environment),
        Wanted::Tree { source, commit, keep_git_dir } => {
            tree(&source, &commit, keep_git_dir, into, environment)
        }
        Wanted::Context { source } => Ok(match context::fetch(&source, into, false, environment)? {
            Context::Tree(path) => {
                Answer::Context { path: path.strip_prefix(into).unwrap_or(&path).display().to_string() }
            }
            Context::File(_) => Answer::Context { path: ".".into() },
        }),
    }
}

fn file(
    source: &str,
    checksum: Option<Digest>,
    etag: Option<String>,
    into: &Path,
    environment: &Environment,
) -> Result<Answer, FetchError> {
    let download = match etag {
        Some(etag) => libfetch::download_unless(&etag, source, into, checksum, environment)?,
        None => Some(libfetch::download(source, into, checksum, environment)?),
    };
    Ok(match download {
        Some(Download { name, digest, etag, .. }) => Answer::File { name, digest, etag },
        None => Answer::Unchanged,
    })
}

fn tree(
    source: &str,
    commit: &Pinned,
    keep: bool,
    into: &Path,
    environment: &Environment,
) -> Result<Answer, FetchError> {
    let repository = Repository::parse(source).map_err(FetchError::invalid)?;
    git::check_out(&repository, commit, into, keep, environment)?;
    Ok(Answer::Tree)
}
