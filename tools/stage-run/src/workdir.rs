//! WORKDIR: its step makes the directory, which is a layer of its own.

use crate::error::StepError;
use crate::key::Key;
use crate::owner;
use crate::position::CurrentStep;
use crate::step::{Made, Maker};
use libtree::extract::set_time;
use libtree::root::components;
use libtree::{Meta, Root};
use rustix::fs::{AtFlags, Mode, OFlags, chmodat, mkdirat, openat};
use std::io;
use std::os::fd::OwnedFd;

/// Makes the directory `path` for `user`, or finds it made.
pub fn step(step: CurrentStep, path: &str, user: &str) -> Result<Made, StepError> {
    let CurrentStep { session, state, .. } = step;
    let parents = state.parents();
    let mut key = Key::new("workdir", session.options.isolation);
    key.add_parents(&parents);
    key.add("path", path);
    key.add("user", user);
    key.add_epoch(session.options.epoch);
    Maker { step, key }.make(&parents, |new, lowers| {
        let merged = session.mount(&lowers, Some((new.upper(), new.work())))?;
        let root = Root::from_fd(merged, session.options.isolation.owners());
        make(&root, path, user, session.options.epoch).map(|()| None)
    })
}

/// Makes the directory `path` of the image at `root`, and those above it that are missing. New ones
/// belong to `user`, and have the time `epoch` (seconds) if that is given.
fn make(root: &Root, path: &str, user: &str, epoch: Option<i64>) -> Result<(), StepError> {
    let fail = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::NotADirectory => "a file is in the way".to_owned(),
            _ => error.to_string(),
        };
        StepError::failed(format!("cannot make the directory {path}: {why}"))
    };
    // As with --chown, and unlike RUN, a number alone is the group too.
    let owner = owner::resolve(Some(root), user)?.ids;
    let resolved = root.resolve(path.as_bytes(), true).map_err(fail)?;
    let mut at = root.open_dir(b"").map_err(fail)?;
    let mut made: Vec<(OwnedFd, Vec<u8>)> = Vec::new();
    let mut above: Option<(OwnedFd, Meta)> = None;
    for part in components(&resolved) {
        let next = match open_dir(&at, part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if above.is_none() {
                    above = Some((at.try_clone().map_err(fail)?, Meta::of(&at).map_err(fail)?));
                }
                make_one(root, &at, part, owner).map_err(fail)?;
                made.push((at.try_clone().map_err(fail)?, part.to_vec()));
                open_dir(&at, part)
            }
            other => other,
        };
        at = next.map_err(fail)?;
    }
    let Some(epoch) = epoch else { return Ok(()) };
    for (dir, name) in made.iter().rev() {
        set_time(dir, name, (epoch, 0)).map_err(fail)?;
    }
    // The directory above shows no time of this run either.
    match above {
        Some((dir, meta)) => set_time(&dir, b".", (meta.mtime, meta.mtime_ns)).map_err(fail),
        None => Ok(()),
    }
}

fn open_dir(at: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

fn make_one(root: &Root, at: &OwnedFd, name: &[u8], (uid, gid): (u32, u32)) -> io::Result<()> {
    mkdirat(at, name, Mode::from_raw_mode(0o755))?;
    root.owners().set(at, name, uid, gid)?;
    // The umask must not decide.
    Ok(chmodat(at, name, Mode::from_raw_mode(0o755), AtFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libtree::Owners;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn missing_directories_are_made_through_links_and_never_outside() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::fs::set_permissions(dir.path().join("real"), PermissionsExt::from_mode(0o700)).unwrap();
        symlink("/real", dir.path().join("link")).unwrap();
        let root = Root::open(dir.path(), Owners::Recorded).unwrap();
        make(&root, "/link/a/../../../b/c", "", Some(7)).unwrap();
        make(&root, "/link/x/y", "", Some(7)).unwrap();
        assert!(dir.path().join("b/c").is_dir());
        let made = dir.path().join("real/x/y").metadata().unwrap();
        assert_eq!((made.mode() & 0o7777, made.mtime()), (0o755, 7));
        assert_eq!(dir.path().join("real").metadata().unwrap().mode() & 0o7777, 0o700);
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), "").unwrap();
        let root = Root::open(dir.path(), Owners::Recorded).unwrap();
        assert!(make(&root, "/f/x", "", None).unwrap_err().to_string().contains("a file is in the way"));
    }
}
