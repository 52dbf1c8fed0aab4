//! Checks the values of options. Each function takes a value, and returns its error in words. Facts that only another
//! tool knows, such as whether a stage exists, are not checked.

use libcli::run_limits as limits;
use libwire::lock::Source;
use libwire::{Compression, Platform, Reference, remote};
use rustix::fs::{Access, access};
use std::ffi::OsStr;
use std::path::Path;

type Checked = Result<(), String>;

/// The modes of `--progress`.
pub const PROGRESS: &[&str] = &["auto", "tty", "plain", "quiet", "rawjson"];

/// A value of words, which are UTF-8.
fn text(value: &OsStr) -> Result<&str, String> {
    value.to_str().ok_or_else(|| format!("{} is not UTF-8", value.display()))
}

/// One of `known`.
fn one_of(value: &OsStr, known: &[&str]) -> Checked {
    let value = text(value)?;
    match known.contains(&value) {
        true => Ok(()),
        false => {
            let hint = libcli::did_you_mean(value, known.iter().copied());
            Err(format!("'{value}' is none of {}{hint}", known.join(", ")))
        }
    }
}

/// Any value.
pub fn anything(_: &OsStr) -> Checked {
    Ok(())
}

/// Anything but an empty word.
pub fn filled(value: &OsStr) -> Checked {
    if value.is_empty() { Err("it is empty".into()) } else { Ok(()) }
}

/// A step: `STEP`, `STAGE:STEP`, `:LINE` or `STAGE`.
pub fn step(value: &OsStr) -> Checked {
    text(value).map(drop)
}

/// When images are pulled; `true` and `false` are docker's words.
pub fn pull(value: &OsStr) -> Checked {
    match text(value)? {
        "" | "true" | "false" | "always" | "newer" | "missing" | "never" => Ok(()),
        other => Err(format!("{other:?} is not one of always, newer, missing, never, true and false")),
    }
}

/// The name of a source that can have a line in a lock; an empty value means all of them.
pub fn source(value: &OsStr) -> Checked {
    let value = text(value)?;
    if value.is_empty() { Ok(()) } else { Source::parse(value).map(drop) }
}

/// A file beside which another can be written.
pub fn beside(path: &Path) -> Checked {
    new_file(path.as_os_str())
}

/// Why several platforms are refused.
pub const ONE_PLATFORM: &str = "several platforms are not built at once yet; build them one by one";

/// Why the status of a check is not ignored.
pub const IGNORE_STATUS: &str =
    "the status says what was found; write || true after the command to ignore it";

/// One platform; several are not built at once yet.
pub fn platform(value: &OsStr) -> Checked {
    let value = text(value)?;
    if value.contains(',') {
        return Err(ONE_PLATFORM.into());
    }
    let platform: Platform = value.parse()?;
    platform.impossible().map_or(Ok(()), |what| Err(format!("{value}: {what}")))
}

/// `NAME` or `NAME=VALUE`.
pub fn setting(value: &OsStr) -> Checked {
    match text(value)? {
        bad if bad.is_empty() || bad.starts_with('=') => {
            Err(format!("'{bad}' has no name; write NAME=VALUE"))
        }
        _ => Ok(()),
    }
}

/// `NAME=SOURCE`. A source on this machine must exist, even if nothing uses it.
pub fn build_context(value: &OsStr) -> Checked {
    let value = text(value)?;
    let (name, source) = match value.split_once('=') {
        Some((name, source)) if !name.is_empty() && !source.is_empty() => (name, source),
        _ => return Err(format!("'{value}' is not NAME=SOURCE")),
    };
    let is_there = match source.strip_prefix("oci-layout://") {
        // A tag or a digest may follow the directory.
        Some(layout) => [Some((layout, "")), layout.rsplit_once('@'), layout.rsplit_once(':')]
            .into_iter()
            .flatten()
            .any(|(directory, _)| Path::new(directory).exists()),
        None => {
            // Sources that are no path are checked by stage-run.
            source.contains("://")
                || source.starts_with("target:")
                || remote::Kind::of(source) != remote::Kind::Path
                || Path::new(source).exists()
        }
    };
    if is_there { Ok(()) } else { Err(format!("{name}: there is no {source}; name a directory or a tar")) }
}

/// A name that an image can be given, so without a digest.
pub fn tag(value: &OsStr) -> Checked {
    filled(value).map_err(|_| "the name is empty".to_owned())?;
    let value = text(value)?;
    let name = Reference::parse(value).map_err(|error| error.to_string())?;
    match name.digest().or_else(|| name.as_digest()) {
        Some(_) => Err(format!("'{value}' has a digest, which only a finished image has; write NAME:TAG")),
        None => Ok(()),
    }
}

/// The host of a registry, perhaps with a port.
pub fn host(value: &OsStr) -> Checked {
    let value = text(value)?;
    let host =
        Reference::of(value, "x").map_err(|_| format!("'{value}' is no host; write HOST or HOST:PORT"));
    host.map(drop)
}

/// A network of RUN.
pub fn network(value: &OsStr) -> Checked {
    one_of(value, &["default", "none", "host"])
}

/// An entitlement that a Dockerfile may ask for.
pub fn entitlement(value: &OsStr) -> Checked {
    one_of(value, &["network.host", "security.insecure"])
}

/// A mode of isolation.
pub fn isolation(value: &OsStr) -> Checked {
    one_of(value, &["root", "subuid", "single"])
}

/// A compression of layers.
pub fn compression(value: &OsStr) -> Checked {
    match text(value)? {
        "estargz" => Err("estargz: no layer is made that can be read in pieces; use gzip or zstd".into()),
        _ => one_of(value, &["gzip", "zstd", "none"]),
    }
}

/// A level of `compression`; of gzip if that is `None`.
pub fn level(compression: Option<&str>, value: &str) -> Checked {
    let compression: Compression = compression.unwrap_or("gzip").parse()?;
    let (name, range) = (compression.name(), compression.levels().1);
    match value.parse::<u32>() {
        Ok(level) if range.contains(&level) => Ok(()),
        _ => Err(format!("level '{value}' is not one of {name}: {} to {}", range.start(), range.end())),
    }
}

/// A mode of progress.
pub fn progress(value: &OsStr) -> Checked {
    one_of(value, PROGRESS)
}

/// A shell that has completions.
pub fn shell(value: &OsStr) -> Checked {
    one_of(value, &["bash", "zsh", "fish"])
}

/// A size, as 64m.
pub fn size(value: &OsStr) -> Checked {
    libcli::size(text(value)?).map(drop)
}

/// A size of memory for a RUN.
pub fn memory(value: &OsStr) -> Checked {
    limits::memory(text(value)?).map(drop)
}

/// A number of processors.
pub fn cpus(value: &OsStr) -> Checked {
    limits::cpus(text(value)?).map(drop)
}

/// A period, or a part of one, in microseconds.
pub fn microseconds(value: &OsStr) -> Checked {
    limits::microseconds(text(value)?).map(drop)
}

/// A number of processes.
pub fn processes(value: &OsStr) -> Checked {
    number(value)?;
    match text(value)? {
        "0" => Err("0 processes are too few for a command".into()),
        _ => Ok(()),
    }
}

/// A duration.
pub fn time(value: &OsStr) -> Checked {
    limits::time(text(value)?).map(drop)
}

/// A number.
pub fn number(value: &OsStr) -> Checked {
    let value = text(value)?;
    match value.parse::<u64>() {
        Ok(_) if !value.starts_with('+') => Ok(()),
        _ => Err(format!("'{value}' is not a number")),
    }
}

/// A file that can be made or replaced.
pub fn new_file(value: &OsStr) -> Checked {
    filled(value).map_err(|_| "the name is empty".to_owned())?;
    let path = Path::new(value);
    if path.is_dir() {
        return Err(format!("{}: this is a directory; name a file", path.display()));
    }
    parent_takes_files(path)
}

/// A file that can be made or replaced, or `-`.
pub fn trace(value: &OsStr) -> Checked {
    if value == "-" { Ok(()) } else { new_file(value) }
}

/// A directory that is empty, or can be made.
pub fn new_directory(value: &OsStr) -> Checked {
    filled(value).map_err(|_| "the name is empty".to_owned())?;
    let path = Path::new(value);
    match std::fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{}: the directory is not empty; name a new one", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// The directory of `path` must exist, and be writable.
fn parent_takes_files(path: &Path) -> Checked {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(format!("{}: there is no directory {}; make it", path.display(), parent.display()));
    }
    access(parent, Access::WRITE_OK)
        .map_err(|error| format!("{}: {} takes no files: {error}", path.display(), parent.display()))
}
