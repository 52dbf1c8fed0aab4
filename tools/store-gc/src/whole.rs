//! Removes a whole store, or what is left of one.

use libcli::Failure;
use libstore::{Options, Store};
use libtree::remove::remove_all;
use libtree::walk::names_at;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The last file that is removed: as long as it is there, the directory is known as a store.
const LAST: &str = "stagepipe-store";

/// Removes the store at `path` with all that is in it. Fails if it is in use, or if the directory is no store.
pub fn remove_store(path: &Path, options: Options) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(path.display().to_string(), error);
    let rest = libstore::is_rest(path);
    let _alone = match rest {
        true => None,
        false => {
            let store = Store::open_existing(path, options)?;
            let mut collector = store.collector()?;
            if !collector.used()?.is_empty() {
                let what = "it is in use; try again when the builds that run have ended";
                return Err(Failure::try_again(path.display().to_string(), what));
            }
            Some(collector)
        }
    };
    let dir = File::open(path).map_err(failed)?;
    let mut names = names_at(path).map_err(failed)?;
    // The index goes first, because it leads to the others, and the mark of a store last.
    names.sort_by_key(|name| (name == LAST, name != "index.json", name.clone()));
    for name in names {
        remove_all(&dir, name.as_bytes()).map_err(failed)?;
    }
    match std::fs::remove_dir(path) {
        // The directory may be a mount, or in a directory that can't be written; it is empty.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(_) if names_at(path).is_ok_and(|names| names.is_empty()) => Ok(()),
        removed => removed.map_err(failed),
    }
}
