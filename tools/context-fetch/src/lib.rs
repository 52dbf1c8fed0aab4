//! Fetches a build context into a directory, and returns the context's path in it. libfetch recognises and fetches
//! sources. This crate reads no Dockerfile.

mod request;

pub use request::answer;

use libcli::Failure;
use libfetch::context::{self, Context};
use libfetch::{Environment, FetchError};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The bytes of a file that are read to recognise text.
const START: u64 = 1 << 10;

/// Fetches `source`, or reads it from `input` if it is `-`, into `dir`, if it is no directory itself, and writes the path of the tree or of
/// the Dockerfile to `output`.
pub fn fetch<W: Write>(
    source: &str,
    input: &mut dyn Read,
    dir: &Path,
    keep: bool,
    environment: &Environment,
    output: W,
) -> Result<W, Failure> {
    // As in docker, a directory may have the name of a repository.
    if Path::new(source).is_dir() {
        return say(source.as_bytes(), output);
    }
    empty(dir)?;
    let context = match source {
        "-" => context::read(input, dir, environment.limits),
        source => context::fetch(source, dir, keep, environment),
    };
    let path = match context.map_err(explain)? {
        Context::Tree(path) => path,
        Context::File(path) => {
            let place = if source == "-" { "standard input".to_owned() } else { libfetch::redact(source) };
            match no_dockerfile(&path)? {
                Some(what) => return Err(Failure::bad_input(place, what)),
                None => path,
            }
        }
    };
    say(path.as_os_str().as_bytes(), output)
}

/// Writes a line.
fn say<W: Write>(text: &[u8], mut output: W) -> Result<W, Failure> {
    output.write_all(&[text, b"\n"].concat()).map_err(|error| Failure::failed("standard output", error))?;
    Ok(output)
}

/// Fetches `source` into `dir` and writes its time to `output`, in seconds since 1970; nothing if it has none, like a
/// directory.
pub fn time<W: Write>(source: &str, dir: &Path, environment: &Environment, output: W) -> Result<W, Failure> {
    if Path::new(source).is_dir() {
        return Ok(output);
    }
    empty(dir)?;
    match context::time(source, dir, environment).map_err(explain)? {
        Some(seconds) => say(seconds.to_string().as_bytes(), output),
        None => Ok(output),
    }
}

fn empty(dir: &Path) -> Result<(), Failure> {
    let place = dir.display().to_string();
    std::fs::create_dir_all(dir).map_err(|error| Failure::failed(&place, error))?;
    match libtree::walk::names_at(dir).map_err(|error| Failure::failed(&place, error))?.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(&place, "the directory is not empty; name a new one")),
    }
}

fn explain(error: FetchError) -> Failure {
    match error.is_input() {
        true => Failure::bad_input("", error),
        false => Failure::failed("", error),
    }
}

/// The reason why a file is no Dockerfile, as far as its beginning shows.
fn no_dockerfile(path: &Path) -> Result<Option<String>, Failure> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
    read.map_err(|error| Failure::failed(path.display().to_string(), error))?;
    let found =
        libwire::guess::no_dockerfile(&start).map(|found| format!("{found}; expected a Dockerfile or a tar"));
    let binary =
        start.contains(&0).then(|| "this is neither a tar nor a Dockerfile; look what it is".to_owned());
    Ok(found.or(binary))
}
