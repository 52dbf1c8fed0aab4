//! Finds files that the caller did not name, which must be regular files of the context, and the Dockerfile that the
//! caller named.

use libcli::Failure;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The kind of a wanted file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A Dockerfile.
    Dockerfile,
    /// A lock.
    Lock,
    /// An ignore file. As in docker, a link that leads nowhere counts as no file.
    IgnoreFile,
}

impl Wanted {
    /// The remedy if it can't be used.
    fn instead(self) -> &'static str {
        match self {
            Self::Dockerfile => "name a Dockerfile with -f",
            Self::IgnoreFile | Self::Lock => "remove it",
        }
    }
}

/// The context, for messages.
pub struct Place<'a> {
    /// Its path.
    pub root: &'a Path,
    /// The words of the caller for it.
    pub shown: &'a OsStr,
    /// Whether it was fetched.
    pub is_fetched: bool,
}

impl Place<'_> {
    /// A path as messages show it: in a fetched context without the build's directory.
    fn shown(&self, path: &Path) -> String {
        let inside = path.strip_prefix(self.root).ok().filter(|_| self.is_fetched);
        inside.unwrap_or(path).display().to_string()
    }

    /// The failure that there is no Dockerfile.
    pub fn has_no_dockerfile(&self) -> Failure {
        let instead = Wanted::Dockerfile.instead();
        match self.is_fetched {
            true => Failure::bad_input("", format!("there is no Dockerfile in the context; {instead}")),
            false => {
                let place = Path::new(self.shown).display().to_string();
                Failure::failed(place, format!("there is no Dockerfile in it; {instead}"))
            }
        }
    }

    /// An error if `path`, after links are followed, is in none of `dirs`.
    fn inside(&self, path: &Path, dirs: &[&Path], wanted: Wanted) -> Result<(), Failure> {
        let real = fs::canonicalize(path);
        let is_in = |dir: &&Path| matches!((&real, fs::canonicalize(dir)), (Ok(real), Ok(dir)) if real.starts_with(&dir) && *real != dir);
        match dirs.iter().any(is_in) {
            true => Ok(()),
            false => {
                let what =
                    format!("this leads out of the context; put the file there, or {}", wanted.instead());
                Err(Failure::bad_input(self.shown(path), what))
            }
        }
    }
}

/// The kind of file at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A regular file.
    File,
    /// A link that leads nowhere.
    Nowhere,
    /// Nothing.
    Nothing,
}

/// Looks for a file that the caller did not name: a regular file below one of `dirs`.
pub fn found(path: &Path, dirs: &[&Path], place: &Place, wanted: Wanted) -> Result<Found, Failure> {
    let Ok(own) = fs::symlink_metadata(path) else { return Ok(Found::Nothing) };
    if own.is_symlink() {
        match path.exists() {
            true => place.inside(path, dirs, wanted)?,
            false if wanted == Wanted::IgnoreFile => return Ok(Found::Nowhere),
            false => {}
        }
    }
    match fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
        true => Ok(Found::File),
        false => {
            let what = format!("this is no regular file; put one there, or {}", wanted.instead());
            Err(Failure::bad_input(place.shown(path), what))
        }
    }
}

/// The Dockerfile that the caller named: a local file, or else a file of the context. If the context was fetched, it is
/// a path in that.
pub fn named(file: &Path, place: &Place) -> Result<PathBuf, Failure> {
    let inside = place.root.join(file);
    if place.is_fetched && file.is_relative() {
        if !inside.is_file() {
            return Err(Failure::failed(file.display().to_string(), "the context has no such file"));
        }
        place.inside(&inside, &[place.root], Wanted::Dockerfile)?;
        return Ok(inside);
    }
    let path = match !file.exists() && inside.is_file() {
        true => inside,
        false => file.to_owned(),
    };
    let can_be_read = fs::metadata(&path).is_ok_and(|meta| {
        let kind = meta.file_type();
        kind.is_file() || kind.is_fifo() || kind.is_char_device()
    });
    match can_be_read {
        true => Ok(path),
        false => Err(Failure::failed(file.display().to_string(), "no such file")),
    }
}
