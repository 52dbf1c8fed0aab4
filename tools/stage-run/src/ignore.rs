//! The ignore file of a context: the one that was named, or the one that is found there.

use crate::error::StepError;
use libdockerfile::MAX_FILE;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The name it is found by.
const NAME: &str = ".dockerignore";

const LEADS_NOWHERE: &str = "this link leads nowhere, so it keeps nothing out of the context; make what it leads \
                             to, or remove it";

/// Its name in messages, and its text.
pub type IgnoreFile = (String, String);

/// The file a caller named, of whatever kind.
pub fn named(path: &Path) -> Result<IgnoreFile, StepError> {
    text(path, File::open(path).map_err(cannot_read(path))?)
}

/// The file in the context `dir`, if there is one. The context may be a stranger's, so a file that leads out of it or
/// would keep its reader waiting is refused. A link that leads nowhere counts as no file, as in docker, and `warn` is
/// called.
pub fn of_context(dir: &Path, warn: &dyn Fn(&str)) -> Result<Option<IgnoreFile>, StepError> {
    let path = dir.join(NAME);
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(cannot_read(&path))?,
    };
    let target = match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            warn(&format!("{}: {LEADS_NOWHERE}", path.display()));
            return Ok(None);
        }
        other => other.map_err(cannot_read(&path))?,
    };
    if !target.starts_with(dir.canonicalize().map_err(cannot_read(dir))?) {
        let what = format!("{} leads out of the context; put the file itself there", path.display());
        return Err(StepError::input(what));
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(&target, flags, Mode::empty());
    let file = File::from(file.map_err(io::Error::from).map_err(cannot_read(&path))?);
    if !file.metadata().map_err(cannot_read(&path))?.is_file() {
        let what = format!("{} is no regular file; put one there, or remove it", path.display());
        return Err(StepError::input(what));
    }
    text(&path, file).map(Some)
}

fn text(path: &Path, file: File) -> Result<IgnoreFile, StepError> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(cannot_read(path))?;
    if bytes.len() > MAX_FILE {
        let what = format!("{} is larger than {MAX_FILE} bytes; is it an ignore file?", path.display());
        return Err(StepError::input(what));
    }
    Ok((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
}

fn cannot_read(path: &Path) -> impl FnOnce(io::Error) -> StepError {
    let what = format!("cannot read {}", path.display());
    move |error| StepError::io(&what)(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_found_is_a_regular_file_of_the_context() {
        let dir = tempfile::tempdir().unwrap();
        let context = dir.path().join("context");
        std::fs::create_dir(&context).unwrap();
        let (found, outside) = (context.join(NAME), dir.path().join("outside"));
        let warnings = RefCell::new(Vec::new());
        let warn = |what: &str| warnings.borrow_mut().push(what.to_owned());
        let patterns = || Ok::<_, StepError>(of_context(&context, &warn)?.map(|(_, text)| text));
        assert_eq!(patterns().unwrap(), None);
        std::fs::write(context.join("patterns"), "a\n").unwrap();
        std::fs::write(&outside, "b\n").unwrap();
        symlink("patterns", &found).unwrap();
        assert_eq!(patterns().unwrap().unwrap(), "a\n");
        for target in ["../outside", "/dev/zero", NAME] {
            std::fs::remove_file(&found).unwrap();
            symlink(target, &found).unwrap();
            assert!(patterns().unwrap_err().to_string().contains(NAME), "{target}");
        }
        assert!(warnings.borrow().is_empty());
        std::fs::remove_file(&found).unwrap();
        symlink("gone", &found).unwrap();
        assert_eq!(patterns().unwrap(), None);
        assert!(warnings.borrow().iter().any(|what| what.contains("leads nowhere")), "{warnings:?}");
        std::fs::remove_file(&found).unwrap();
        nix::unistd::mkfifo(&found, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(patterns().unwrap_err().to_string().contains("no regular file"));
    }

    #[test]
    fn what_is_named_has_a_limit() {
        assert!(named(Path::new("/dev/zero")).unwrap_err().to_string().contains("larger"));
        assert_eq!(named(Path::new("/dev/null")).unwrap().1, "");
    }
}
