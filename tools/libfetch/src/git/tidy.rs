//! What is left of a checkout: files with modes and times that every fetch gives alike, and of git's own files
//! none, or those that tell nothing of how and by whom they were fetched.

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
use std::fs::Permissions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Removes the repository in `into` and those of submodules, or with `keep` what in them holds a URL's
/// password or the time of the fetch.
pub(super) fn repositories(into: &Path, keep: bool) -> io::Result<()> {
    let own = into.join(".git");
    if keep {
        return each(&own, &mut |path, kind| clean(path, kind));
    }
    std::fs::remove_dir_all(&own)?;
    // A submodule has a file that names a directory of the one just removed.
    each(
        into,
        &mut |path, kind| match path.file_name().is_some_and(|name| name == ".git") && kind.is_file() {
            true => std::fs::remove_file(path).map(|()| false),
            false => Ok(kind.is_dir()),
        },
    )
}

/// Cleans one of git's own files. Says whether to look into a directory.
fn clean(path: &Path, kind: std::fs::FileType) -> io::Result<bool> {
    match (path.file_name().unwrap_or_default().as_bytes(), kind.is_dir()) {
        (b"logs", true) => std::fs::remove_dir_all(path).map(|()| false),
        (b"objects", true) => Ok(false),
        (b"FETCH_HEAD", false) => std::fs::remove_file(path).map(|()| false),
        (b"config", false) => anonymous(path).map(|()| false),
        (_, dir) => Ok(dir),
    }
}

/// Takes the credentials out of a configuration's URLs.
fn anonymous(path: &Path) -> io::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let line = |line: &str| match line.split_once("url = ") {
        Some((before, url)) if before.trim().is_empty() => {
            format!("{before}url = {}\n", crate::without_credentials(url))
        }
        _ => format!("{line}\n"),
    };
    std::fs::write(path, text.lines().map(line).collect::<String>())
}

/// Sets times and modes of everything below `dir`, to now without `seconds`: when it was fetched, and by whom,
/// is no property of a tree.
pub(super) fn settle(dir: &Path, seconds: Option<i64>) -> io::Result<()> {
    let time = match seconds {
        Some(seconds) => Timespec { tv_sec: seconds, tv_nsec: 0 },
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
    };
    let times = Timestamps { last_access: time, last_modification: time };
    let set = |path: &Path| utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW);
    each(dir, &mut |path, kind| {
        if !kind.is_symlink() {
            let run = kind.is_dir() || path.metadata()?.permissions().mode() & 0o100 != 0;
            std::fs::set_permissions(path, Permissions::from_mode(if run { 0o755 } else { 0o644 }))?;
        }
        set(path)?;
        Ok(kind.is_dir())
    })?;
    Ok(set(dir)?)
}

/// Gives every path below `dir` to `visit`, which says whether to go into a directory. Follows no link.
fn each(dir: &Path, visit: &mut dyn FnMut(&Path, std::fs::FileType) -> io::Result<bool>) -> io::Result<()> {
    let mut waiting: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let path = entry.path();
            if visit(&path, entry.file_type()?)? {
                waiting.push(path);
            }
        }
    }
    Ok(())
}
