//! What a build begins with: the words of each tool, a directory, and where the sources are, if they are here. One program
//! makes all of it, since each costs a cached build more than what it does.
//!
//! Sources that have to be fetched or read first are left to build-sources, which may take its time and be ended.

use build_options::{Asked, Request, assign};
use libcli::{Failure, shell_word};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Writes assignments to names that begin with `_`, for the shell with the number `shell`. A directory that is not kept
/// is made below `temporary`.
pub fn start(asked: &Asked, shell: u32, temporary: &Path, out: &mut impl Write) -> Result<(), Failure> {
    build_options::write(asked, out)?;
    let Asked::Build(request) = asked else { return Ok(()) };
    sources(request, out)?;
    build_dir::remove_leftovers(temporary);
    let keep = (!request.dry_run && !request.keep.is_empty()).then_some(Path::new(&request.keep));
    // Last, because the shell does not come to know of it when something fails.
    let dir = build_dir::make(temporary, shell, keep)?;
    Ok(assign(out, "dir", dir.as_os_str().as_bytes())?)
}

/// Where the sources are, or else the words by which build-sources is asked for them.
fn sources(request: &Request, out: &mut impl Write) -> Result<(), Failure> {
    let asked = build_sources::Asked { context: request.context.clone(), file: request.file.clone() };
    let Some(found) = build_sources::here(&asked)? else {
        let words = [shell_word(&asked.context), shell_word(&asked.file)].join(&b' ');
        return Ok(assign(out, "sources", &words)?);
    };
    found.warnings.iter().filter(|_| !request.quiet).for_each(|warning| libcli::warn("image-build", warning));
    found.words(None)?.into_iter().try_for_each(|(name, word)| Ok(assign(out, name, &word)?))
}

#[cfg(test)]
mod tests;
