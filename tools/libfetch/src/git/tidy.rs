//! Reduces a checkout to its files, with modes and times that are the same for every fetch.

use libtree::remove::remove_path;
use libtree::walk::names_at;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Removes the repository in `into`, and the files that refer to those of submodules.
pub(super) fn remove_repositories(into: &Path) -> io::Result<()> {
    remove_path(&into.join(".git"))?;
    each(
        into,
        &mut |path, kind| match path.file_name().is_some_and(|name| name == ".git") && kind.is_file() {
            true => std::fs::remove_file(path).map(|()| false),
            false => Ok(kind.is_dir()),
        },
    )
}

/// Sets times and modes of everything below `dir`, by default to the present. The time and the user of the fetch are
/// not properties of a tree.
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

/// Calls `visit` with every path below `dir`; it returns whether to enter a directory. Follows no link.
fn each(dir: &Path, visit: &mut dyn FnMut(&Path, std::fs::FileType) -> io::Result<bool>) -> io::Result<()> {
    let mut waiting: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for name in names_at(&dir)? {
            let path = dir.join(name);
            if visit(&path, path.symlink_metadata()?.file_type())? {
                waiting.push(path);
            }
        }
    }
    Ok(())
}
