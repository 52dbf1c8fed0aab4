//! `RUN --mount=type=cache` directories, and logs.

use crate::error::StoreError;
use crate::lease::Held;
use crate::lock;
use crate::store::Store;
use libwire::Digest;
use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file that marks a cache directory as filled.
const READY: &str = "ready";
/// The lock of the RUN that uses a cache directory.
pub(crate) const LOCK: &str = "lock";

/// How RUNs that use the same cache at the same time share it (BuildKit's words).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All use the one directory.
    #[default]
    Shared,
    /// Each gets its own, which is kept for the next RUN.
    Private,
    /// The second waits for the first.
    Locked,
}

/// A cache directory in use.
#[derive(Debug)]
pub struct CacheMount {
    dir: PathBuf,
    _lock: File,
}

impl CacheMount {
    /// The directory to mount.
    pub fn path(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Whether it has no content yet. The caller then applies owner, mode and `from=`, and calls
    /// [`CacheMount::set_ready`].
    pub fn is_fresh(&self) -> bool {
        !self.dir.join(READY).exists()
    }

    /// Marks the directory as filled.
    pub fn set_ready(&self) -> Result<(), StoreError> {
        let path = self.dir.join(READY);
        std::fs::write(&path, "").map_err(StoreError::io(format!("cannot write {}", path.display())))
    }
}

impl Store {
    /// The cache directory `id`. [`Sharing::Locked`] waits as long as another RUN uses it.
    pub fn cache_mount(&self, id: &str, sharing: Sharing) -> Result<CacheMount, StoreError> {
        let name = Digest::of(format!("{}\n{id}", self.options().map).as_bytes()).hex();
        let dir = self.path().join("cachemounts");
        match sharing {
            // The wait has no limit, because the RUN before may take any time.
            Sharing::Shared => open_cache(dir.join(name), lock::Mode::Shared, None),
            Sharing::Locked => open_cache(dir.join(name), lock::Mode::Exclusive, None),
            Sharing::Private => private_cache(&dir, &name),
        }
    }

    /// Makes a log file for a snapshot: the file, and its path relative to the store.
    pub fn new_log(&self, id: &str) -> Result<(File, String), StoreError> {
        self.snapshot_dir(id)?;
        self.hold(Held::Snapshot(id.to_owned()), || ())?;
        let relative = format!("logs/{id}.log");
        let path = self.path().join(&relative);
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        Ok((file.map_err(StoreError::io(format!("cannot write {}", path.display())))?, relative))
    }
}

fn private_cache(dir: &Path, name: &str) -> Result<CacheMount, StoreError> {
    for n in 0..u32::MAX {
        let dir = dir.join(if n == 0 { name.to_owned() } else { format!("{name}-{n}") });
        match open_cache(dir, lock::Mode::Exclusive, Some(Duration::ZERO)) {
            Err(StoreError::Locked { .. }) => {}
            answer => return answer,
        }
    }
    Err(StoreError::missing("a free cache directory"))
}

fn open_cache(dir: PathBuf, mode: lock::Mode, timeout: Option<Duration>) -> Result<CacheMount, StoreError> {
    loop {
        if !make(&dir)? {
            continue;
        }
        let path = dir.join(LOCK);
        match lock::take(&path, mode, timeout) {
            // store-gc may have removed it before it was locked.
            Ok(lock) if is_at(&lock, &path) => {
                // Another process may be making it again at the moment, and not all of it may be there.
                make(&dir)?;
                // Notes the time of the use. If that fails, the directory only looks older.
                let _ = lock.set_modified(std::time::SystemTime::now());
                return Ok(CacheMount { dir, _lock: lock });
            }
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            answer => drop(answer?),
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let inode = |meta: std::io::Result<std::fs::Metadata>| meta.map(|meta| (meta.dev(), meta.ino())).ok();
    inode(file.metadata()) == inode(path.symlink_metadata())
}

/// Makes the directory, as far as it is not there. `false`: it went while it was made.
fn make(dir: &Path) -> Result<bool, StoreError> {
    for (path, mode) in [(dir, 0o700), (&dir.join("data"), 0o755)] {
        match std::fs::DirBuilder::new().mode(mode).create(path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && path != dir => return Ok(false),
            made => made.map_err(StoreError::io(format!("cannot make {}", path.display())))?,
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn shared_caches_are_one_private_ones_are_not_and_ids_are_any_text() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        let one = store.cache_mount("/root/../x", Sharing::Shared).unwrap();
        let two = store.cache_mount("/root/../x", Sharing::Shared).unwrap();
        assert_eq!(one.path(), two.path());
        assert!(one.is_fresh());
        one.set_ready().unwrap();
        assert!(!two.is_fresh());
        let first = store.cache_mount("p", Sharing::Private).unwrap();
        let second = store.cache_mount("p", Sharing::Private).unwrap();
        assert_ne!(first.path(), second.path());
        let kept = first.path();
        drop(first);
        assert_eq!(store.cache_mount("p", Sharing::Private).unwrap().path(), kept);
    }
}
