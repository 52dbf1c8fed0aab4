//! Makes all that a build begins with: the words of each tool, a directory, and the paths of the sources, if
//! they are here. One program makes all of it, because starting a program costs a cached build more than the
//! work that it does.
//!
//! Sources that have to be fetched or read first are left to build-sources, which may take its time and be ended.

use build_options::{Asked, Progress, Request, assign};
use build_sources::Sources;
use libcli::{Failure, shell_word};
use libwire::progress::Level;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Writes assignments to names that begin with `_`, for the shell with the number `shell`. A directory that is not kept
/// is made below `temporary`. `mode` has how the build is shown.
pub fn start(
    asked: &Asked,
    mode: Progress,
    shell: u32,
    temporary: &Path,
    out: &mut impl Write,
) -> Result<(), Failure> {
    build_options::write(asked, out)?;
    let Asked::Build(request) = asked else { return Ok(()) };
    warn(mode, request, &request.warnings);
    sources(request, mode, out)?;
    build_dir::remove_leftovers(temporary);
    let keep = (!request.dry_run && !request.keep.is_empty()).then_some(Path::new(&request.keep));
    // Last, because the shell does not come to know of it when something fails.
    let dir = build_dir::make(temporary, shell, keep)?;
    let is_built =
        !request.dry_run && request.call.as_bytes().is_empty() && request.logs.as_bytes().is_empty();
    let word: &[u8] = match mode {
        Progress::Tty if is_built => {
            build_dir::make_fifo(&dir.join("progress"))?;
            b"tty"
        }
        Progress::RawJson if is_built => b"rawjson",
        _ => b"",
    };
    assign(out, "progress", word)?;
    Ok(assign(out, "dir", dir.as_os_str().as_bytes())?)
}

fn warn(mode: Progress, request: &Request, warnings: &[String]) {
    for warning in warnings.iter().filter(|_| !request.quiet) {
        say(mode, Level::Warning, &format!("image-build: warning: {warning}\n"));
    }
}

/// Where the sources are, or else the words by which build-sources is asked for them.
fn sources(request: &Request, mode: Progress, out: &mut impl Write) -> Result<(), Failure> {
    let asked = build_sources::Asked { context: request.context.clone(), file: request.file.clone() };
    let Some(mut found) = build_sources::here(&asked)? else {
        if request.lock {
            let what =
                "the Dockerfile is no file here that a lock could be beside; name a directory and a file";
            return Err(Failure::usage(format!("--lock: {what}")));
        }
        let words = [shell_word(&asked.context), shell_word(&asked.file)].join(&b' ');
        return Ok(assign(out, "sources", &words)?);
    };
    warn(mode, request, &found.warnings);
    lock(request, mode, &mut found)?;
    found.words(None)?.into_iter().try_for_each(|(name, word)| Ok(assign(out, name, &word)?))
}

/// Has `found` have the lock that is written, and says how old the one is that is used.
fn lock(request: &Request, mode: Progress, found: &mut Sources) -> Result<(), Failure> {
    let path = build_sources::lock_of(&found.file);
    match &found.lock {
        _ if request.lock => {
            build_options::beside(&path).map_err(|what| Failure::failed("--lock", what))?;
            found.lock = Some(path);
        }
        None if request.locked => {
            let what = format!("there is no {}; image-build --lock writes it", path.display());
            return Err(Failure::failed("--locked", what));
        }
        Some(path) if !request.quiet => {
            let modified = path.metadata().and_then(|meta| meta.modified());
            let age = modified.ok().and_then(|then| then.elapsed().ok()).unwrap_or_default();
            let (path, age) = (path.display(), said(age.as_secs()));
            say(mode, Level::Note, &format!("image-build: {path}, {age} old, says what is built from\n"));
        }
        _ => {}
    }
    Ok(())
}

/// Says something before the build begins, as a record where records are asked for.
fn say(mode: Progress, level: Level, text: &str) {
    let text = libcli::sanitise(text) + "\n";
    match mode {
        Progress::RawJson => {
            libwire::Progress::Message { level, text }.lines().iter().for_each(|line| libcli::say(line))
        }
        _ => libcli::say(&text),
    }
}

/// A time span in its largest unit.
fn said(seconds: u64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "second"));
    let number = seconds / unit;
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
