//! A file that is locked as long as the commands run. The lock is a shared flock(2), which the kernel releases with
//! this process.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A locked file.
pub struct Hold {
    /// The variable for its path.
    pub variable: String,
    /// Its path.
    pub path: PathBuf,
    _locked: File,
}

impl Hold {
    /// Makes and locks an empty file with a name of its own in `directory`, which is made if it does not exist.
    pub fn take(variable: &str, directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        loop {
            let (file, path) =
                tempfile::Builder::new().prefix("").rand_bytes(20).tempfile_in(directory)?.keep()?;
            match file.try_lock_shared() {
                // Another process may have removed it before it was locked, because nobody held it.
                Ok(()) if file.metadata()?.nlink() > 0 => {
                    return Ok(Self { variable: variable.to_owned(), path, _locked: file });
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}
