//! Snapshots: the changes of a step or layer, as the upper directory of an overlay.
//!
//! A snapshot is made under `tmp/` and published by one rename, so it is complete or absent. It is not synced then. It
//! has a mark with the id of this boot, and counts as missing after another boot, until [`Store::settle`] has made it
//! durable and removed the mark. A lost snapshot is only a cache miss.
//!
//! A deferred snapshot has no tree. Until it is packed, a file lists its changes, whose content is in files elsewhere.
//! After that the layer replaces the list, and the tree is unpacked when it is needed (`restore`).

use crate::error::StoreError;
use crate::lease::Held;
use crate::store::Store;
use crate::tree_totals::{TreeTotals, measure};
use crate::{lock, random, write};
use libtree::walk::names_at;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mark of a snapshot that is not synced yet: the id of the boot that wrote it.
pub(crate) const UNSETTLED: &str = "unsettled";
pub(crate) const META: &str = "meta.json";
/// The tree.
pub(crate) const TREE: &str = "fs";
/// The changes of a deferred snapshot that is not packed yet, as layer-changes(5).
const CHANGES: &str = "changes";

/// The properties of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMeta {
    /// The snapshots below it, lowest first.
    pub parents: Vec<String>,
    /// The diff ID of the layer it was unpacked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<libwire::Digest>,
    /// How many entries that layer had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// The bytes of that layer's files; a file with several names counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_size: Option<u64>,
    /// The size of its tree when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<TreeTotals>,
}

/// The text before the seal in a meta.json.
const SEAL: &[u8] = b",\"seal\":\"";

impl SnapshotMeta {
    /// The JSON of a meta.json. Its last member is the start of a digest of the others.
    fn sealed(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_vec(self)?;
        let seal = seal_of(&json);
        Ok([&json[..json.len() - 1], SEAL, seal.as_bytes(), b"\"}"].concat())
    }

    /// Reads such JSON. Older files have no seal.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if let Some(at) = bytes.windows(SEAL.len()).rposition(|part| part == SEAL) {
            let json = [&bytes[..at], b"}"].concat();
            if bytes[at + SEAL.len()..] != *[seal_of(&json).as_bytes(), b"\"}"].concat() {
                return Err("its seal is wrong".into());
            }
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

fn seal_of(json: &[u8]) -> String {
    libwire::Digest::of(json).hex()[..16].to_owned()
}

/// A snapshot being made. Dropped without [`NewSnapshot::publish`], it is removed.
#[derive(Debug)]
pub struct NewSnapshot {
    store: Store,
    id: String,
    dir: PathBuf,
    upper: PathBuf,
    work: PathBuf,
    meta: SnapshotMeta,
    published: bool,
    /// Held as long as the directory is in use, so that it is not removed as that of a dead process.
    _lock: File,
}

impl NewSnapshot {
    pub(crate) fn set_size(&mut self, entries: u64, bytes: u64) {
        (self.meta.entries, self.meta.content_size) = (Some(entries), Some(bytes));
    }

    /// Gives parents to a snapshot that was made without them. Its root gets the metadata of the topmost parent, unless
    /// it has its own.
    pub(crate) fn stand_on(&mut self, parents: &[String], own_root: bool) -> Result<(), StoreError> {
        self.meta.parents = parents.to_vec();
        match parents.last() {
            Some(parent) if !own_root => inherit(&self.store.snapshot_fs(parent)?, &self.upper),
            _ => Ok(()),
        }
    }

    /// The id it will have.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The overlay's upper directory. Its metadata hides that of the directories below it, and is that of the topmost
    /// parent; without parents its mode is 0755 and its owner root.
    pub fn upper(&self) -> &Path {
        &self.upper
    }

    /// The overlay's work directory.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// The file for the changes of a deferred snapshot. If it exists, `upper` must be empty.
    pub fn changes(&self) -> PathBuf {
        self.dir.join(CHANGES)
    }

    /// Publishes the snapshot under its id, which is returned. The overlay must be unmounted before. If another process
    /// has published the same id meanwhile, that snapshot stays, because only ids that name a content can be equal.
    pub fn publish(mut self) -> Result<String, StoreError> {
        let what = format!("cannot publish snapshot {} in {}", self.id, self.store.path().display());
        libtree::remove::remove_all(File::open(&self.dir).map_err(StoreError::io(&what))?, b"work")
            .map_err(StoreError::io(&what))?;
        match self.changes().exists() {
            true => std::fs::remove_dir(&self.upper).map_err(StoreError::io(&what))?,
            false => self.meta.tree = Some(measure(&self.upper).map_err(StoreError::io(&what))?),
        }
        let json = self.meta.sealed().map_err(StoreError::io(&what))?;
        std::fs::write(self.dir.join(META), json).map_err(StoreError::io(&what))?;
        std::fs::write(self.dir.join(UNSETTLED), write::boot_id()).map_err(StoreError::io(&what))?;
        let target = self.store.snapshot_dir(&self.id)?;
        if target.exists() && !self.store.has_snapshot(&self.id) {
            self.store.quarantine(&target, &self.id);
        }
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let rename = || renameat_with(CWD, &self.dir, CWD, &target, RenameFlags::NOREPLACE);
        match self.store.hold(Held::Snapshot(self.id.clone()), rename)? {
            Ok(()) => self.published = true,
            Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(StoreError::io(what)(errno.into())),
        }
        Ok(std::mem::take(&mut self.id))
    }

    /// Moves its tree to the snapshot `id`, which has none. If another process has done so meanwhile, that tree stays.
    pub(crate) fn give_tree(self, id: &str) -> Result<(), StoreError> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let dir = self.store.snapshot_dir(id)?;
        let (target, mark) = (dir.join(TREE), dir.join(UNSETTLED));
        // The tree is not synced, so the snapshot is marked with this boot again until it is settled.
        std::fs::write(&mark, write::boot_id())
            .map_err(StoreError::io(format!("cannot write {}", mark.display())))?;
        let what = || format!("cannot make {}", target.display());
        let tree = Some(measure(&self.upper).map_err(StoreError::io(what()))?);
        match renameat_with(CWD, &self.upper, CWD, &target, RenameFlags::NOREPLACE) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(StoreError::io(what())(errno.into())),
        }
        let meta = SnapshotMeta { tree, ..self.store.snapshot_meta(id)? };
        let json = meta.sealed().map_err(StoreError::io(what()))?;
        self.store.write_raw(&dir.join(META), &json)
    }
}

impl Drop for NewSnapshot {
    fn drop(&mut self) {
        if !self.published {
            let _ = self.store.remove_tmp(&self.dir);
        }
    }
}

impl Store {
    /// Begins a snapshot on top of `parents`, lowest first, with a random id.
    pub fn new_snapshot(&self, parents: &[String]) -> Result<NewSnapshot, StoreError> {
        let id = random::hex32().map_err(StoreError::io("cannot make a snapshot"))?;
        self.new_snapshot_as(id, SnapshotMeta { parents: parents.to_vec(), ..Default::default() })
    }

    pub(crate) fn new_snapshot_as(&self, id: String, meta: SnapshotMeta) -> Result<NewSnapshot, StoreError> {
        let (dir, lock) = self.temp_dir()?;
        let (upper, work) = (dir.join(TREE), dir.join("work"));
        let new =
            NewSnapshot { store: self.clone(), id, dir, upper, work, meta, published: false, _lock: lock };
        for (path, mode) in [(&new.upper, 0o755), (&new.work, 0o700)] {
            let made = std::fs::DirBuilder::new().mode(mode).create(path);
            // The umask must not decide what an image's root directory looks like.
            let set = made.and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)));
            set.map_err(StoreError::io(format!("cannot make {}", path.display())))?;
        }
        if let Some(parent) = new.meta.parents.last() {
            inherit(&self.snapshot_fs(parent)?, &new.upper)?;
        }
        Ok(new)
    }

    /// The path of a snapshot's tree, in overlay form.
    pub fn snapshot_fs(&self, id: &str) -> Result<PathBuf, StoreError> {
        let tree = self.snapshot_dir(id)?.join(TREE);
        // Each step calls this for each of many layers.
        match (self.trusts(id) || self.has_snapshot(id)) && tree.is_dir() {
            true => Ok(tree),
            false => {
                Err(StoreError::Missing { what: format!("snapshot {id}"), hint: "; build again".into() })
            }
        }
    }

    /// The file with the changes of a deferred snapshot, if it is not packed yet.
    pub fn snapshot_changes(&self, id: &str) -> Result<Option<PathBuf>, StoreError> {
        let changes = self.snapshot_dir(id)?.join(CHANGES);
        Ok(Some(changes).filter(|changes| self.has_snapshot(id) && changes.is_file()))
    }

    /// Removes the changes of a deferred snapshot after its layer was made.
    pub fn forget_changes(&self, id: &str) -> Result<(), StoreError> {
        let changes = self.snapshot_dir(id)?.join(CHANGES);
        match std::fs::remove_file(&changes) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io(format!("cannot remove {}", changes.display()))(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether a snapshot is there, with or without a tree, and can be trusted.
    pub fn has_snapshot(&self, id: &str) -> bool {
        let Ok(dir) = self.snapshot_dir(id) else { return false };
        let there = self.hold(Held::Snapshot(id.to_owned()), || self.is_there(id, &dir));
        there.unwrap_or_else(|error| {
            self.warn(format!("snapshot {id} is not used: {error}"));
            false
        })
    }

    fn is_there(&self, id: &str, dir: &Path) -> bool {
        if !dir.join(META).is_file() || !(dir.join(TREE).is_dir() || is_deferred(dir)) {
            return false;
        }
        let trusted = self.trusts(id)
            || match std::fs::read_to_string(dir.join(UNSETTLED)) {
                Ok(boot) => !boot.is_empty() && boot == write::boot_id(),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
        if trusted {
            if self.holds() && !self.trusts(id) {
                note_use(&dir.join(META));
            }
            self.trust(id);
        }
        trusted
    }

    /// The properties of a snapshot.
    pub fn snapshot_meta(&self, id: &str) -> Result<SnapshotMeta, StoreError> {
        let path = self.snapshot_dir(id)?.join(META);
        let bytes =
            std::fs::read(&path).map_err(StoreError::io(format!("cannot read {}", path.display())))?;
        SnapshotMeta::parse(&bytes).map_err(|why| StoreError::corrupt(path.display().to_string(), why))
    }

    /// Removes a snapshot. A record that still names it is then a miss.
    pub fn remove_snapshot(&self, id: &str) -> Result<(), StoreError> {
        let what = format!("cannot remove snapshot {id}");
        let dir = self.snapshot_dir(id)?;
        // It loses its name first, because a half-removed tree must never look like a snapshot.
        let (temp, _lock) = self.temp_dir()?;
        std::fs::rename(&dir, temp.join("removed")).map_err(StoreError::io(what))?;
        self.remove_tmp(&temp)
    }

    pub(crate) fn snapshot_dir(&self, id: &str) -> Result<PathBuf, StoreError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        match !id.is_empty() && id.len() <= 200 && id.bytes().all(word) {
            true => Ok(self.path().join("snapshots").join(id)),
            false => Err(StoreError::invalid("snapshot", format!("{id:?} is not a snapshot's id"))),
        }
    }

    /// A locked directory under `tmp/`.
    pub(crate) fn temp_dir(&self) -> Result<(PathBuf, File), StoreError> {
        let what = || format!("cannot write in {}", self.tmp().display());
        loop {
            let dir = self.tmp().join(random::hex32().map_err(StoreError::io(what()))?);
            std::fs::DirBuilder::new().mode(0o700).create(&dir).map_err(StoreError::io(what()))?;
            // Another process may remove it before it is locked; then this is repeated.
            let Ok(lock) = File::open(&dir) else { continue };
            if lock::try_take(&lock, lock::Mode::Exclusive).map_err(StoreError::io(what()))? && dir.exists() {
                return Ok((dir, lock));
            }
        }
    }

    pub(crate) fn remove_tmp(&self, dir: &Path) -> Result<(), StoreError> {
        let what = || format!("cannot remove {}", dir.display());
        let tmp = File::open(self.tmp()).map_err(StoreError::io(what()))?;
        let name = dir.file_name().map(std::os::unix::ffi::OsStrExt::as_bytes).unwrap_or_default();
        libtree::remove::remove_all(tmp, name).map_err(StoreError::io(what()))
    }

    /// Removes the files of dead processes under `tmp/`. Files in use are locked, and stay
    pub fn reclaim(&self) -> Result<usize, StoreError> {
        let what = || format!("cannot read {}", self.tmp().display());
        let mut removed = 0;
        for name in names_at(&self.tmp()).map_err(StoreError::io(what()))? {
            let path = self.tmp().join(name);
            let Ok(file) = File::open(&path) else { continue };
            if lock::try_take(&file, lock::Mode::Exclusive).unwrap_or(false) && self.remove_tmp(&path).is_ok()
            {
                removed += 1;
            }
        }
        Ok(removed)
    }

    pub(crate) fn unsettled(&self) -> Vec<PathBuf> {
        let boot = write::boot_id();
        let snapshots = self.path().join("snapshots");
        let names = names_at(&snapshots).unwrap_or_default();
        let marks = names.into_iter().map(|name| snapshots.join(name).join(UNSETTLED));
        // Marks of another boot stay, because their snapshots may have been lost.
        marks.filter(|mark| std::fs::read_to_string(mark).is_ok_and(|text| text == boot)).collect()
    }

    pub(crate) fn mark_settled(&self, marks: &[PathBuf]) {
        for mark in marks {
            // A mark that stays only causes a needless miss after the next boot.
            let _ = std::fs::remove_file(mark);
        }
    }
}

/// Sets the time of a snapshot's meta.json, which store-gc takes as the time of its last use. If that fails, the
/// snapshot only looks older.
fn note_use(meta: &Path) {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
    let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    let times = Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) };
    let _ = utimensat(CWD, meta, &times, AtFlags::empty());
}

/// Whether a snapshot without a tree has its changes or a layer instead.
fn is_deferred(dir: &Path) -> bool {
    let tells = |name: &OsString| name == CHANGES || name.as_encoded_bytes().starts_with(b"layer-");
    names_at(dir).unwrap_or_default().iter().any(tells)
}

/// Gives `upper` owner, mode and time of the root directory `lower`.
fn inherit(lower: &Path, upper: &Path) -> Result<(), StoreError> {
    let what = || format!("cannot copy the metadata of {}", lower.display());
    let from = File::open(lower).map_err(StoreError::io(what()))?;
    let to = File::open(upper).map_err(StoreError::io(what()))?;
    let meta = libtree::Meta::of(&from).map_err(StoreError::io(what()))?;
    let record = libtree::xattr::get(&from, b"", libtree::owner::RECORD).map_err(StoreError::io(what()))?;
    if let Some(record) = record {
        libtree::xattr::set(&to, b"", libtree::owner::RECORD, &record).map_err(StoreError::io(what()))?;
    }
    std::os::unix::fs::fchown(&to, Some(meta.uid), Some(meta.gid)).map_err(StoreError::io(what()))?;
    to.set_permissions(PermissionsExt::from_mode(meta.mode)).map_err(StoreError::io(what()))?;
    libtree::extract::set_time(&to, b".", (meta.mtime, meta.mtime_ns)).map_err(StoreError::io(what()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture as store;

    #[test]
    fn a_snapshot_is_there_only_after_it_is_published() {
        let (_dir, store) = store();
        let parent = store.new_snapshot(&[]).unwrap();
        std::fs::set_permissions(parent.upper(), PermissionsExt::from_mode(0o711)).unwrap();
        let meta = SnapshotMeta { parents: vec![parent.publish().unwrap()], ..Default::default() };
        let new = store.new_snapshot(&meta.parents).unwrap();
        let id = new.id().to_owned();
        std::fs::write(new.upper().join("a"), "x").unwrap();
        assert!(!store.has_snapshot(&id));
        new.publish().unwrap();
        assert_eq!(std::fs::read(store.snapshot_fs(&id).unwrap().join("a")).unwrap(), b"x");
        assert_eq!(store.snapshot_meta(&id).unwrap().parents, meta.parents);
        let root = store.snapshot_fs(&id).unwrap().metadata().unwrap();
        assert_eq!(root.permissions().mode() & 0o7777, 0o711);
        store.remove_snapshot(&id).unwrap();
        assert!(!store.has_snapshot(&id) && store.snapshot_fs(&id).is_err());
        assert_eq!(std::fs::read_dir(store.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn a_dropped_snapshot_is_removed_even_with_closed_directories_in_it() {
        let (_dir, store) = store();
        let new = store.new_snapshot(&[]).unwrap();
        std::fs::create_dir_all(new.upper().join("a/b")).unwrap();
        std::fs::set_permissions(new.upper().join("a"), PermissionsExt::from_mode(0o0)).unwrap();
        drop(new);
        assert_eq!(std::fs::read_dir(store.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_not_settled_is_not_trusted_after_another_boot() {
        let (_dir, store) = store();
        let id = store.new_snapshot(&[]).unwrap().publish().unwrap();
        let mark = store.snapshot_dir(&id).unwrap().join(UNSETTLED);
        for boot in ["", "another boot"] {
            std::fs::write(&mark, boot).unwrap();
            assert!(!store.has_snapshot(&id));
            store.settle().unwrap();
            assert!(!store.has_snapshot(&id), "settling does not bless what an earlier boot left");
        }
        std::fs::write(&mark, write::boot_id()).unwrap();
        store.settle().unwrap();
        assert!(store.has_snapshot(&id) && !mark.exists());
    }

    #[test]
    fn a_deferred_snapshot_has_no_tree_and_tells_its_changes_until_they_are_forgotten() {
        let (_dir, store) = store();
        let new = store.new_snapshot(&[]).unwrap();
        std::fs::write(new.changes(), "x").unwrap();
        let id = new.publish().unwrap();
        assert!(store.has_snapshot(&id) && !store.has_tree(&id).unwrap());
        assert!(store.snapshot_fs(&id).is_err());
        let changes = store.snapshot_changes(&id).unwrap().unwrap();
        assert_eq!(std::fs::read(changes).unwrap(), b"x");
        store.forget_changes(&id).unwrap();
        store.forget_changes(&id).unwrap();
        // Nothing is left that could say what it was.
        assert!(!store.has_snapshot(&id));
    }

    #[test]
    fn leavings_of_the_dead_are_reclaimed_and_what_is_in_use_is_not() {
        let (_dir, store) = store();
        let live = store.new_snapshot(&[]).unwrap();
        std::fs::create_dir_all(store.tmp().join("dead/fs/x")).unwrap();
        std::fs::write(store.tmp().join("dead2"), "x").unwrap();
        assert_eq!(store.reclaim().unwrap(), 2);
        assert!(live.upper().is_dir());
    }

    #[test]
    fn any_changed_byte_of_what_is_known_is_found_and_older_files_are_read() {
        let meta = SnapshotMeta { parents: vec!["a1".into()], entries: Some(7), ..Default::default() };
        let sealed = meta.sealed().unwrap();
        assert_eq!(SnapshotMeta::parse(&sealed).unwrap(), meta);
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut other = sealed.clone();
                other[at] ^= 1 << bit;
                // With the seal's own name damaged it has none, and says what it said.
                let found = SnapshotMeta::parse(&other);
                assert!(found.is_ok_and(|found| found == meta) || SnapshotMeta::parse(&other).is_err());
            }
        }
        assert_eq!(SnapshotMeta::parse(&serde_json::to_vec(&meta).unwrap()).unwrap(), meta);
    }

    #[test]
    fn an_id_is_one_plain_word() {
        let (_dir, store) = store();
        for bad in ["", ".", "..", "a/b", "../x", "a\n", "a b"] {
            assert!(store.snapshot_fs(bad).is_err(), "{bad:?}");
        }
    }
}
