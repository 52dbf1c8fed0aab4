//! The parts of a store's directory and its version: whether a directory is a store, can become one, or is the rest of
//! one. It writes nothing.

use crate::error::StoreError;
use crate::place;
use std::ffi::OsString;
use std::path::Path;

/// The file that marks the directory as a store, and has its version. It is read before anything else.
pub(crate) const VERSION_FILE: &str = "stagepipe-store";
/// The content of [`VERSION_FILE`] in the only version.
pub(crate) const VERSION: &str = "1\n";
/// The version file of the OCI image layout.
pub(crate) const LAYOUT: (&str, &str) = ("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
/// The content of an empty layout's index.
pub(crate) const EMPTY_INDEX: &str =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}";
/// The directories of a store.
pub(crate) const DIRS: [&str; 17] = [
    "tmp",
    "leases",
    "blobs",
    "blobs/sha256",
    "verified",
    "cache",
    "latest",
    "listings",
    "failed",
    "builds",
    "remote",
    "snapshots",
    "cachemounts",
    "contexts",
    "logs",
    "locks",
    "quarantine",
];

/// Whether a store of this version is at `path`, or one can be made there.
pub(crate) fn may_be_store(path: &Path) -> bool {
    let may_be_made = || is_fresh(path).unwrap_or(false) && !is_rest(path) && place::check(path).is_ok();
    check_version(path).is_ok() || may_be_made()
}

/// Whether a store can be made at `path`: nothing is there, or only the files with which the making of a store begins.
pub(crate) fn is_fresh(path: &Path) -> std::io::Result<bool> {
    let names = match libtree::walk::names_at(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        names => names?,
    };
    // The first directory that a tool, or a build for its lease, makes is one that no other layout has.
    let is_first = |name: &OsString| DIRS[..2].iter().any(|first| name == first);
    Ok(names.is_empty() || (names.iter().all(is_ours) && names.iter().any(is_first)))
}

fn is_ours(name: &OsString) -> bool {
    DIRS.iter().chain(&[LAYOUT.0, "index.json", "index.copy", "limits"]).any(|own| name == own)
}

/// Whether `path` has the rest of a store that an ordinary user has deleted. Its trees belong to subordinate ids, so
/// only root and a user namespace of that user can delete them.
pub fn is_rest(path: &Path) -> bool {
    let names = |path: &Path| libtree::walk::names_at(path).unwrap_or_default();
    let has_trees =
        ["snapshots", "cachemounts", "failed"].iter().any(|dir| !names(&path.join(dir)).is_empty());
    let all = names(path);
    // This is checked last, because another process may have made the store meanwhile.
    has_trees && all.iter().all(is_ours) && !path.join(VERSION_FILE).exists()
}

pub(crate) fn rest(path: &Path) -> StoreError {
    let namespace = match is_root() {
        true => "",
        false => "unshare --map-root-user --map-auto ",
    };
    let path = path.display().to_string();
    let why =
        format!("is the rest of a store that was deleted in part; delete it with: {namespace}rm -rf {path}");
    StoreError::NotAStore { path, why }
}

/// Whether this process is root, and all ids are mapped.
fn is_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    rustix::process::geteuid().is_root() && map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Refuses a directory that is not a store of this version. The error says what it is.
pub(crate) fn check_version(path: &Path) -> Result<(), StoreError> {
    let not = |why: &str| StoreError::NotAStore { path: path.display().to_string(), why: why.into() };
    match std::fs::read_to_string(path.join(VERSION_FILE)) {
        Ok(text) if text == VERSION => Ok(()),
        Ok(text) => {
            let version: String = text.trim().chars().take(20).collect();
            Err(not(&format!("is a store of version {version:?}; this suite knows version 1")))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match path.is_dir() {
            true if is_rest(path) => Err(rest(path)),
            true if is_fresh(path).unwrap_or(false) => {
                Err(not("is empty, and no store yet; image-load or a build makes it one"))
            }
            true => Err(not("is not a store, and not empty; name another directory")),
            false => Err(not("does not exist; image-load or a build makes it")),
        },
        Err(error) => {
            Err(StoreError::io(format!("cannot read {}", path.join(VERSION_FILE).display()))(error))
        }
    }
}
