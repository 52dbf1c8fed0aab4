//! flock(2) with a time limit, and the holder of the lock if the time is up.
//!
//! No lock outlives its holder. No lock file is ever removed, and the age of a lock file has no meaning.

use crate::error::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// The time between two tries. Most locks here are held for milliseconds.
const PAUSE: Duration = Duration::from_millis(10);
/// The user is told of a wait that is longer than this.
const LONG: Duration = Duration::from_secs(1);

/// The mode of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Exclusive,
}

/// Takes the lock of the file at `path`, which is made if it does not exist.
pub(crate) fn take(path: &Path, mode: Mode, timeout: Option<Duration>) -> Result<File, StoreError> {
    take_told(path, mode, timeout, |_| ())
}

/// As [`take`]; if the wait is long, `told` gets the holder.
pub(crate) fn take_told(
    path: &Path,
    mode: Mode,
    timeout: Option<Duration>,
    told: impl FnOnce(String),
) -> Result<File, StoreError> {
    let file = open(path).map_err(StoreError::io(format!("cannot open the lock {}", path.display())))?;
    wait_told(&file, path, mode, timeout, told)?;
    Ok(file)
}

/// Opens the file at `path` to lock it. It is made if it does not exist.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Takes the lock of an open file.
pub(crate) fn wait(
    file: &File,
    path: &Path,
    mode: Mode,
    timeout: Option<Duration>,
) -> Result<(), StoreError> {
    wait_told(file, path, mode, timeout, |_| ())
}

fn wait_told(
    file: &File,
    path: &Path,
    mode: Mode,
    timeout: Option<Duration>,
    told: impl FnOnce(String),
) -> Result<(), StoreError> {
    let what = path.display().to_string();
    let (begun, mut told) = (Instant::now(), Some(told));
    loop {
        if try_take(file, mode).map_err(StoreError::io(format!("cannot lock {what}")))? {
            return Ok(());
        }
        if timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
            return Err(StoreError::Locked { holder: holder(file), what });
        }
        if let Some(told) = told.take_if(|_| begun.elapsed() >= LONG) {
            told(holder(file));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Takes the lock of an open file if it is free.
pub(crate) fn try_take(file: &File, mode: Mode) -> io::Result<bool> {
    let tried = match mode {
        Mode::Shared => file.try_lock_shared(),
        Mode::Exclusive => file.try_lock(),
    };
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Process and command that hold `file`'s lock, from /proc/locks.
pub(crate) fn holder(file: &File) -> String {
    let found = file.metadata().ok().and_then(|meta| {
        let inode = format!(":{}", meta.ino());
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        let held =
            |line: &&str| !line.contains("->") && line.split_whitespace().any(|word| word.ends_with(&inode));
        locks.lines().find(held)?.split_whitespace().nth(4)?.parse::<u32>().ok()
    });
    let Some(pid) = found else { return "another process".into() };
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(command) => format!("process {pid} ({})", command.trim_end()),
        Err(_) => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_waited_for_and_then_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = take(&path, Mode::Exclusive, None).unwrap();
        let error = take(&path, Mode::Shared, Some(Duration::from_millis(30))).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        assert_eq!(libcli::Failure::from(error).status(), 75);
        drop(held);
        take(&path, Mode::Shared, Some(Duration::ZERO)).unwrap();
    }
}
