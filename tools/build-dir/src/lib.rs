//! Makes the directory of a build, and removes those of builds that were killed.
//!
//! The shell of a build holds the FIFO `alive` of its directory open for writing, from before the file `begun` exists
//! until the shell ends, and no other process does. So the kernel knows which directories are in use. Before that, the
//! number in a directory's name shows whether its shell still runs. This crate runs no tool, and reads no file of a
//! directory.

use libcli::Failure;
use libtree::remove::remove_path;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, geteuid, test_kill_process};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The beginning of the names of these directories. The number of a shell and a random part follow.
const PREFIX: &str = "image-build.";
/// The length of the random part.
const RANDOM: usize = 8;
/// The FIFO that the shell has open.
const ALIVE: &str = "alive";

/// Makes a directory below `temporary` for the shell with the number `shell`, or uses `keep`, which must be empty or
/// missing, and makes the FIFO in it.
pub fn make(temporary: &Path, shell: u32, keep: Option<&Path>) -> Result<PathBuf, Failure> {
    let dir = match keep {
        Some(keep) => kept(keep)?,
        None => {
            let prefix = format!("{PREFIX}{shell}.");
            let made = tempfile::Builder::new().prefix(&prefix).rand_bytes(RANDOM).tempdir_in(temporary);
            made.map_err(|error| Failure::failed(temporary.display().to_string(), error))?.keep()
        }
    };
    make_fifo(&dir.join(ALIVE))?;
    Ok(dir)
}

/// Makes a FIFO for this user alone.
pub fn make_fifo(path: &Path) -> Result<(), Failure> {
    let made = rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0);
    made.map_err(|errno| Failure::failed(path.display().to_string(), io::Error::from(errno)))
}

fn kept(keep: &Path) -> Result<PathBuf, Failure> {
    let fail = |error: io::Error| Failure::failed(format!("--keep: {}", keep.display()), error);
    fs::create_dir_all(keep).map_err(fail)?;
    match fs::read_dir(keep).map_err(fail)?.next() {
        None => std::path::absolute(keep).map_err(fail),
        Some(_) => Err(Failure::failed("--keep", "the directory is not empty; name a new one")),
    }
}

/// Removes the directories below `temporary` that builds of this user left and that nobody uses. A directory that can't
/// be removed stays for the next build.
pub fn remove_leftovers(temporary: &Path) {
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(shell) = name.to_str().and_then(shell_of) else { continue };
        let path = entry.path();
        let is_own =
            fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir() && meta.uid() == geteuid().as_raw());
        if is_own && is_left(&path, shell) && remove_path(&path).is_err() {
            // A fetched tree may have directories that can't be written.
            make_writable(&path);
            let _ = remove_path(&path);
        }
    }
}

/// The number of the shell in a directory's name.
fn shell_of(name: &str) -> Option<i32> {
    let (shell, random) = name.strip_prefix(PREFIX)?.split_once('.')?;
    (random.len() == RANDOM).then(|| shell.parse().ok().filter(|&shell| shell > 0))?
}

/// Whether nobody uses the directory.
fn is_left(dir: &Path, shell: i32) -> bool {
    if !dir.join("begun").exists() {
        return Pid::from_raw(shell).is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH));
    }
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Without a reader it can't be opened (fifo(7)). If it is gone, the process that removed it was killed.
    let open = rustix::fs::open(dir.join(ALIVE), flags, Mode::empty());
    matches!(open, Err(Errno::NXIO | Errno::NOENT))
}

fn make_writable(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_uses_is_removed() {
        let temporary = tempfile::tempdir().unwrap();
        let own = make(temporary.path(), std::process::id(), None).unwrap();
        let dead = make(temporary.path(), i32::MAX as u32, None).unwrap();
        let left = make(temporary.path(), std::process::id(), None).unwrap();
        let used = make(temporary.path(), i32::MAX as u32, None).unwrap();
        let _alive = fs::File::options().read(true).write(true).open(used.join(ALIVE)).unwrap();
        for begun in [&left, &used] {
            fs::write(begun.join("begun"), "").unwrap();
        }
        fs::create_dir_all(left.join("tree/sub")).unwrap();
        fs::set_permissions(left.join("tree"), fs::Permissions::from_mode(0o500)).unwrap();
        for other in ["image-build.1.short", "image-build.x.12345678", "other"] {
            fs::create_dir(temporary.path().join(other)).unwrap();
        }
        remove_leftovers(temporary.path());
        assert_eq!([&own, &dead, &left, &used].map(|dir| dir.exists()), [true, false, false, true]);
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 5);
    }

    #[test]
    fn a_directory_to_keep_is_new_or_empty() {
        let temporary = tempfile::tempdir().unwrap();
        let keep = temporary.path().join("a/b");
        assert_eq!(make(temporary.path(), 1, Some(&keep)).unwrap(), keep);
        assert!(make(temporary.path(), 1, Some(&keep)).is_err(), "it has the FIFO now");
    }
}
