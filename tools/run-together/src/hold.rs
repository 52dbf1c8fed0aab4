//! A file that is locked as long as the commands run, for what they do in it. A shared flock(2): the kernel drops it with
//! this process.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A locked file.
pub struct Hold {
    /// The variable that is to have its path.
    pub variable: String,
    /// Its path.
    pub path: PathBuf,
    _locked: File,
}

impl Hold {
    /// Makes and locks an empty file with a name of its own, in `directory`, which is made where there is none.
    pub fn take(variable: &str, directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        loop {
            let (file, path) =
                tempfile::Builder::new().prefix("").rand_bytes(20).tempfile_in(directory)?.keep()?;
            match file.try_lock_shared() {
                // Before it was locked it may have been removed, as one that nobody holds.
                Ok(()) if file.metadata()?.nlink() > 0 => {
                    return Ok(Self { variable: variable.to_owned(), path, _locked: file });
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}
