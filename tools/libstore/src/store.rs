//! The store's directory, its options, and the state that all operations on it share.

use crate::error::StoreError;
use crate::layout::{
    DIRS, EMPTY_INDEX, LAYOUT, VERSION, VERSION_FILE, check_version, is_fresh, is_rest, rest,
};
use crate::lease::{self, Held, Lease};
use crate::{lock, place, write};
pub use libtree::tar::Limits;
use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The options of an open store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time to wait for a lock; `None` waits for ever.
    pub lock_timeout: Option<Duration>,
    /// Whether to make data durable before it is named. Without it a power cut may lose data, but a kill of the tool
    /// does not.
    pub sync: bool,
    /// Names the user namespace's id map; empty for root's own ids. Trees unpacked and caches mounted
    /// under different maps are kept apart.
    pub map: String,
    /// The limits to which a layer, or an archive of an image, may unpack.
    pub limits: Limits,
    /// Whether damaged entries stay where they are.
    pub keep_damaged: bool,
    /// The lease of the build that this process is part of ([`build_lease`](crate::build_lease)); without it used
    /// entries are held as long as the store is open.
    pub lease: Option<PathBuf>,
    /// Gets the process that fetches or unpacks the same layers, if the wait for it is long.
    pub waits: Option<fn(&str)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lock_timeout: Some(Duration::from_secs(60)),
            sync: true,
            map: String::new(),
            limits: Limits::default(),
            keep_damaged: false,
            lease: None,
            waits: None,
        }
    }
}

/// An open store. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    options: Options,
    /// Whether it was opened for writing.
    writable: bool,
    /// The lease; none for readers.
    lease: Option<Lease>,
    warnings: Mutex<Vec<String>>,
    /// Snapshots that were found to be settled or of this boot, and that stay so.
    trusted: Mutex<HashSet<String>>,
    /// The processes whose wait was reported.
    waited_for: Mutex<HashSet<String>>,
}

impl Store {
    /// Opens the store at `path` for reading and writing. If there is nothing, a store is made, unless it can't rely on
    /// the file system. Files that killed tools left in `tmp/` are removed.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let fresh =
            is_fresh(path).map_err(StoreError::io(format!("cannot open the store {}", path.display())))?;
        let mut warning = None;
        match fresh {
            true if is_rest(path) => return Err(rest(path)),
            true => {
                warning = place::check(path)?;
                make_dir(path)?;
            }
            false => check_version(path)?,
        }
        let store = Self::new(path, options, true, true)?;
        warning.into_iter().for_each(|warning| store.warn(warning));
        store.lay_out(fresh)?;
        // A file that stays does no harm: it belongs to another user of the same id map, or is in use by now.
        let _ = store.reclaim();
        lease::sweep(store.path());
        Ok(store)
    }

    /// Opens the store at `path` for reading. It may be read-only; nothing is made, no lock is taken.
    pub fn open_existing(path: &Path, options: Options) -> Result<Self, StoreError> {
        check_version(path)?;
        Self::new(path, options, false, false)
    }

    /// Opens the store at `path` as [`Store::open_existing`] does, and holds the entries that are used if it can write
    /// a lease.
    pub fn open_to_use(path: &Path, options: Options) -> Result<Self, StoreError> {
        check_version(path)?;
        Self::new(path, options, false, true)
    }

    fn new(path: &Path, options: Options, writable: bool, uses: bool) -> Result<Self, StoreError> {
        let what = format!("cannot open the store {}", path.display());
        let path = std::fs::canonicalize(path).map_err(StoreError::io(what))?;
        let (warnings, trusted, waited_for) = Default::default();
        let lease = uses.then(|| Lease::new(&path, options.lease.as_deref(), options.lock_timeout));
        Ok(Self(Arc::new(Inner { path, options, writable, lease, warnings, trusted, waited_for })))
    }

    fn lay_out(&self, fresh: bool) -> Result<(), StoreError> {
        for dir in DIRS.map(|dir| self.path().join(dir)) {
            if !dir.is_dir() {
                make_dir(&dir)?;
            }
        }
        // The version comes last: a directory that has it is complete.
        for (name, text) in [LAYOUT, ("index.json", EMPTY_INDEX), (VERSION_FILE, VERSION)] {
            // If there was an index, the names of its images must not be lost silently.
            if fresh || name != "index.json" {
                self.write_once(name, text)?;
            }
        }
        if fresh && self.options().sync {
            write::sync_all(self.path())?;
        }
        Ok(())
    }

    fn write_once(&self, name: &str, text: &str) -> Result<(), StoreError> {
        let target = self.path().join(name);
        if target.exists() {
            return Ok(());
        }
        let what = || format!("cannot write {}", target.display());
        let mut temp = self.temp()?;
        std::io::Write::write_all(&mut temp.file, text.as_bytes()).map_err(StoreError::io(what()))?;
        self.sync_file(&temp.file, &what())?;
        temp.link(&target).map_err(StoreError::io(what()))?;
        Ok(())
    }

    /// The store's directory, absolute.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// How it was opened.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Whether it was opened for writing.
    pub(crate) fn is_writable(&self) -> bool {
        self.0.writable
    }

    /// Problems that did not make an operation fail; a damaged cache record is a miss, for instance. The caller prints
    /// them. Each is returned once.
    pub fn take_warnings(&self) -> Vec<String> {
        self.0.warnings.lock().map(|mut warnings| std::mem::take(&mut *warnings)).unwrap_or_default()
    }

    pub(crate) fn warn(&self, text: String) {
        if let Ok(mut warnings) = self.0.warnings.lock() {
            warnings.push(text);
        }
    }

    /// Keeps store-gc from removing `entry` from now on, and then calls `look`.
    pub(crate) fn hold<T>(&self, entry: Held, look: impl FnOnce() -> T) -> Result<T, StoreError> {
        match &self.0.lease {
            Some(lease) => lease.hold(entry, look),
            None => Ok(look()),
        }
    }

    /// Whether it holds the entries that are used.
    pub(crate) fn holds(&self) -> bool {
        self.0.lease.is_some()
    }

    /// Takes the lock of work that may take long, and reports each process that it waits for once.
    pub(crate) fn lock_work(&self, name: &str, timeout: Option<Duration>) -> Result<File, StoreError> {
        lock::take_told(&self.path().join("locks").join(name), lock::Mode::Exclusive, timeout, |holder| {
            let is_new = self.0.waited_for.lock().is_ok_and(|mut told| told.insert(holder.clone()));
            if let Some(waits) = self.options().waits.filter(|_| is_new) {
                waits(&holder);
            }
        })
    }

    /// Whether [`Store::trust`] was called for a snapshot.
    pub(crate) fn trusts(&self, snapshot: &str) -> bool {
        self.0.trusted.lock().is_ok_and(|trusted| trusted.contains(snapshot))
    }

    /// Remembers that a snapshot can be trusted if it is there.
    pub(crate) fn trust(&self, snapshot: &str) {
        if let Ok(mut trusted) = self.0.trusted.lock() {
            trusted.insert(snapshot.to_owned());
        }
    }

    /// Makes all that was written to the store so far durable, by one syncfs(2). Snapshots that were published before
    /// are then trusted after a power cut.
    pub fn settle(&self) -> Result<(), StoreError> {
        if !self.options().sync {
            return Ok(());
        }
        let unsettled = self.unsettled();
        write::sync_all(self.path())?;
        self.mark_settled(&unsettled);
        Ok(())
    }

    /// The directory for new entries, if it can't be written.
    pub fn closed_tmp(&self) -> Option<PathBuf> {
        let tmp = self.tmp();
        let refused = rustix::fs::access(&tmp, rustix::fs::Access::WRITE_OK).err()?;
        matches!(refused, rustix::io::Errno::ROFS | rustix::io::Errno::ACCESS).then_some(tmp)
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    pub(crate) fn temp(&self) -> Result<write::Temp, StoreError> {
        write::Temp::new(&self.tmp())
            .map_err(StoreError::io(format!("cannot write in {}", self.tmp().display())))
    }

    pub(crate) fn sync_file(&self, file: &std::fs::File, what: &str) -> Result<(), StoreError> {
        match self.options().sync {
            true => file.sync_data().map_err(StoreError::io(what)),
            false => Ok(()),
        }
    }

    pub(crate) fn sync_dir(&self, name: &str) -> Result<(), StoreError> {
        match self.options().sync {
            true => write::sync_dir(&self.path().join(name)),
            false => Ok(()),
        }
    }

    /// Moves a damaged file or directory to `quarantine/`.
    pub(crate) fn quarantine(&self, path: &Path, name: &str) {
        if !self.options().keep_damaged {
            self.put_away(path, name);
        }
    }

    /// Moves a file or directory to `quarantine/`, even if the store was opened for reading.
    pub(crate) fn put_away(&self, path: &Path, name: &str) {
        let target = self.path().join("quarantine").join(format!("{name}.{}", std::process::id()));
        // On a read-only store it stays where it is. It is found again, and never used.
        let _ = std::fs::rename(path, target);
    }
}

fn make_dir(path: &Path) -> Result<(), StoreError> {
    // Other users must not list or run files of unpacked trees, because some are setuid.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(StoreError::io(format!("cannot make {}", path.display())))
}

/// A new store for a test, and the directory that is removed with it.
#[cfg(test)]
pub(crate) fn fixture() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
    (dir, store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_store_is_private_and_opens_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/store");
        assert!(Store::open_existing(&path, Options::default()).is_err());
        Store::open(&path, Options::default()).unwrap();
        Store::open_existing(&path, Options::default()).unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap());
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(path.join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_store_whose_making_was_cut_short_is_completed_and_many_may_make_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("half/tmp")).unwrap();
        std::fs::create_dir_all(dir.path().join("half/blobs")).unwrap();
        Store::open(&dir.path().join("half"), Options::default()).unwrap();
        let layout = dir.path().join("layout");
        std::fs::create_dir_all(layout.join("blobs")).unwrap();
        assert!(Store::open(&layout, Options::default()).is_err(), "somebody's layout stays as it is");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| Store::open(&dir.path().join("new"), Options::default()).unwrap());
            }
        });
    }

    #[test]
    fn the_rest_of_a_deleted_store_is_told_from_a_new_one_and_from_a_layout() {
        let dir = tempfile::tempdir().unwrap();
        for rest in [&["snapshots/1/fs"][..], &["tmp", "snapshots/1/fs"], &["cachemounts/x", "oci-layout"]] {
            let path = dir.path().join(rest.len().to_string() + &rest[0].replace('/', "-"));
            for name in rest {
                std::fs::create_dir_all(path.join(name)).unwrap();
            }
            for result in
                [Store::open(&path, Options::default()), Store::open_existing(&path, Options::default())]
            {
                let error = result.unwrap_err().to_string();
                assert!(error.ends_with(&format!("rm -rf {}", path.display())), "{error}");
            }
            std::fs::create_dir(path.join("mine")).unwrap();
            assert!(Store::open(&path, Options::default()).unwrap_err().to_string().contains("not a store"));
        }
    }

    #[test]
    fn other_directories_and_other_versions_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "mine").unwrap();
        assert!(Store::open(dir.path(), Options::default()).unwrap_err().to_string().contains("not a store"));
        std::fs::write(dir.path().join(VERSION_FILE), "2\n").unwrap();
        assert!(
            Store::open(dir.path(), Options::default()).unwrap_err().to_string().contains("version \"2\"")
        );
    }
}
