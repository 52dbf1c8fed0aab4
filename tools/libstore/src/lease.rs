//! Leases: the entries that a tool or a build uses, so that store-gc does not remove them.
//!
//! A lease is a file in `leases/` on which its holders have a shared flock(2), with a line for each blob and snapshot
//! that they found or made. A line is written under a shared lock of the gate, and only then is the entry looked up.
//! store-gc reads the leases and removes an entry's name under the gate's exclusive lock, so an entry is either held
//! before it is removed, or found missing. An entry is removed only after all entries that name it, so a process that
//! holds an entry also holds those that it names.
//!
//! No lease is removed while store-gc runs, even if nobody holds it any more: store-gc would not know the entries of a
//! build that has just ended.

use crate::error::StoreError;
use crate::layout::may_be_store;
use crate::{lock, random};
use libwire::Digest;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The variable by which the tools of a build find its lease, which its driver holds.
pub const BUILD_LEASE: &str = "STAGEPIPE_LEASE";
/// The lease of the build that this process is part of, from a look-up of environment variables.
pub fn build_lease(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable(BUILD_LEASE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The directory of leases.
pub(crate) const LEASES: &str = "leases";
/// The lock under which entries are held and removed.
pub(crate) const GATE: &str = "locks/gate";
/// The lock of store-gc.
pub(crate) const COLLECTOR: &str = "locks/gc";

/// Removes the leases that nobody holds, unless store-gc runs.
pub(crate) fn sweep(store: &Path) {
    let dir = store.join(LEASES);
    let names = libtree::walk::names_at(&dir).unwrap_or_default();
    let Some(_no_collector) = (!names.is_empty()).then(|| no_collector(store)).flatten() else { return };
    for path in names.iter().map(|name| dir.join(name)) {
        let free = File::open(&path).and_then(|file| lock::try_take(&file, lock::Mode::Exclusive));
        if free.unwrap_or(false) {
            // A lease that stays is removed later.
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// The path of a build's lease, if a store is at `store` or can be made there.
pub fn leases(store: &Path) -> Option<PathBuf> {
    may_be_store(store).then(|| store.join(LEASES))
}

/// Keeps store-gc from beginning, unless it runs already.
fn no_collector(store: &Path) -> Option<File> {
    let file = lock::open(&store.join(COLLECTOR)).ok()?;
    lock::try_take(&file, lock::Mode::Shared).ok()?.then_some(file)
}

/// An entry of the store that may be in use.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Held {
    /// A blob. A manifest's blob includes its image.
    Blob(Digest),
    /// A snapshot, with its log and those below it.
    Snapshot(String),
}

impl Held {
    fn line(&self) -> String {
        match self {
            Self::Blob(digest) => format!("blob {}\n", digest.hex()),
            Self::Snapshot(id) => format!("snapshot {id}\n"),
        }
    }

    /// Reads a line of a lease.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        match line.split_once(' ')? {
            ("blob", hex) => format!("sha256:{hex}").parse().ok().map(Self::Blob),
            ("snapshot", id) => Some(Self::Snapshot(id.to_owned())),
            _ => None,
        }
    }
}

/// The lease of this process, or of the build that it is part of. Its file is made with the first line.
#[derive(Debug)]
pub(crate) struct Lease {
    store: PathBuf,
    /// The name of the build's file.
    build: Option<OsString>,
    timeout: Option<Duration>,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    gate: File,
    held: HashSet<Held>,
}

impl Lease {
    pub(crate) fn new(store: &Path, build: Option<&Path>, timeout: Option<Duration>) -> Self {
        let build = build.and_then(Path::file_name).map(OsString::from);
        Self { store: store.to_owned(), build, timeout, open: Mutex::default() }
    }

    /// Holds `entry`, and then lets `look` find or make it. If it is held already, only `look` is called. If no lease
    /// can be written, no entry can be removed either.
    pub(crate) fn hold<T>(&self, entry: Held, look: impl FnOnce() -> T) -> Result<T, StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = match self.make() {
                Err(error) if is_read_only(&error) => return Ok(look()),
                made => {
                    Some(made.map_err(StoreError::io(format!("cannot write in {}", self.dir().display())))?)
                }
            };
        }
        let Some(lease) = open.as_mut().filter(|lease| !lease.held.contains(&entry)) else {
            return Ok(look());
        };
        lock::wait(&lease.gate, &self.store.join(GATE), lock::Mode::Shared, self.timeout)?;
        let written = lease.file.write_all(entry.line().as_bytes());
        let answer = written.map(|()| look());
        let unlocked = lease.gate.unlock();
        let answer = answer.and_then(|answer| unlocked.map(|()| answer));
        let answer = answer.map_err(StoreError::io(format!("cannot write in {}", self.dir().display())))?;
        lease.held.insert(entry);
        Ok(answer)
    }

    fn make(&self) -> io::Result<Open> {
        let gate = lock::open(&self.store.join(GATE))?;
        loop {
            let name = match &self.build {
                Some(name) => name.clone(),
                None => random::hex32()?.into(),
            };
            let path = self.dir().join(name);
            let mut options = OpenOptions::new();
            let options = options.read(true).append(true).create(true).mode(0o600);
            let mut file = match options.open(&path) {
                // An older store has no such directory.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    DirBuilder::new().recursive(true).mode(0o700).create(self.dir())?;
                    options.open(&path)?
                }
                file => file?,
            };
            file.lock_shared()?;
            // Before it is locked, it looks like that of a dead process.
            if file.metadata()?.nlink() > 0 {
                // An entry that another tool of the build holds is held.
                let mut lines = String::new();
                file.read_to_string(&mut lines)?;
                let held = lines.lines().filter_map(Held::of_line).collect();
                return Ok(Open { file, path, gate, held });
            }
        }
    }

    fn dir(&self) -> PathBuf {
        self.store.join(LEASES)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Open { path, .. }) = open.as_ref().filter(|_| self.build.is_none())
            && let Some(_no_collector) = no_collector(&self.store)
        {
            // If it stays, the next process that opens the store removes it.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), NotFound | PermissionDenied | ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Options, Store};

    fn leases(store: &Store) -> Vec<String> {
        let dir = store.path().join(LEASES);
        let mut lines = Vec::new();
        for name in libtree::walk::names_at(&dir).unwrap() {
            let text = std::fs::read_to_string(dir.join(name)).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        lines
    }

    #[test]
    fn what_is_found_or_made_is_held_once_and_as_long_as_the_store_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let store = Store::open(&path, Options::default()).unwrap();
        let blob = store.put(b"1", "x").unwrap();
        let id = store.new_snapshot(&[]).unwrap().publish().unwrap();
        assert!(store.has_snapshot(&id) && store.has_blob(&blob).unwrap());
        let lines = [format!("blob {}", blob.digest.hex()), format!("snapshot {id}")];
        assert_eq!(leases(&store), lines);
        let other = Store::open(&path, Options::default()).unwrap();
        assert_eq!(leases(&other).len(), 2, "its holder lives");
        let collector = lock::take(&path.join(COLLECTOR), lock::Mode::Exclusive, None).unwrap();
        drop((store, other));
        let store = Store::open(&path, Options::default()).unwrap();
        assert_eq!(leases(&store).len(), 2, "store-gc runs");
        drop(collector);
        assert_eq!(leases(&Store::open(&path, Options::default()).unwrap()), [""; 0]);
    }

    #[test]
    fn the_tools_of_a_build_share_a_lease_and_its_driver_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        Store::open(&path, Options::default()).unwrap();
        let build = path.join(LEASES).join("of-a-build");
        let driver = OpenOptions::new().append(true).create(true).open(&build).unwrap();
        driver.lock_shared().unwrap();
        for bytes in [b"1", b"2", b"1"] {
            let options = Options { lease: Some(build.clone()), ..Options::default() };
            Store::open(&path, options).unwrap().put(bytes, "x").unwrap();
        }
        let text = || std::fs::read_to_string(&build).unwrap_or_default();
        assert_eq!(text().lines().count(), 2);
        Store::open(&path, Options::default()).unwrap();
        assert_eq!(text().lines().count(), 2);
        drop(driver);
        Store::open(&path, Options::default()).unwrap();
        assert!(!build.exists());
    }

    #[test]
    fn only_whoever_opens_a_store_to_use_it_holds_what_it_finds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let blob = Store::open(&path, Options::default()).unwrap().put(b"1", "x").unwrap();
        Store::open(&path, Options::default()).unwrap();
        let looks = Store::open_existing(&path, Options::default()).unwrap();
        assert!(looks.has_blob(&blob).unwrap());
        assert_eq!(leases(&looks), [""; 0]);
        let uses = Store::open_to_use(&path, Options::default()).unwrap();
        assert!(uses.has_blob(&blob).unwrap());
        assert_eq!(leases(&looks).len(), 1);
    }
}
