//! Removes entries that are not in use, while others build.
//!
//! Entries that name others are removed first, durably: records and names, then snapshots, then blobs. So a collector
//! that is killed at any moment leaves a consistent store, and files in `tmp/` that the next tool removes.

use crate::cachemount::LOCK;
use crate::error::StoreError;
use crate::index::name_of;
use crate::inventory::{EntryId, Inventory};
use crate::lease::{self, COLLECTOR, GATE, Held};
use crate::lock::{self, Mode};
use crate::store::Store;
use libtree::walk::names_at;
use libwire::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The right to remove entries. One process has it at a time.
#[derive(Debug)]
pub struct Collector {
    store: Store,
    /// The length of each lease that was read.
    read: BTreeMap<OsString, u64>,
    held: BTreeSet<Held>,
    gate: File,
    _alone: File,
}

/// The exclusive lock of the gate. As long as it lives, no entry comes into use.
struct Closed<'a>(&'a File);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        // It only fails for an invalid descriptor.
        let _ = self.0.unlock();
    }
}

impl Store {
    /// Becomes the collector. From now on no lease is removed, so that all entries that are or were in use meanwhile
    /// are known.
    pub fn collector(&self) -> Result<Collector, StoreError> {
        let alone = lock::take(&self.path().join(COLLECTOR), Mode::Exclusive, self.options().lock_timeout)?;
        let gate = self.path().join(GATE);
        let gate = lock::open(&gate).map_err(StoreError::io(format!("cannot open {}", gate.display())))?;
        let (store, read, held) = (self.clone(), BTreeMap::new(), BTreeSet::new());
        let mut collector = Collector { store, read, held, gate, _alone: alone };
        collector.used()?;
        Ok(collector)
    }
}

impl Collector {
    /// The entries that are or were in use since this process became the collector.
    pub fn used(&mut self) -> Result<&BTreeSet<Held>, StoreError> {
        let gate = self.gate.try_clone().map_err(StoreError::io("cannot lock the store"))?;
        let _closed = self.close(&gate)?;
        self.read_leases()?;
        Ok(&self.held)
    }

    /// Removes `entries`, in which each comes after those that name it, and returns the removed ones. An entry that
    /// came into use stays, with all that it needs.
    pub fn remove(
        &mut self,
        inventory: &Inventory,
        entries: &[EntryId],
    ) -> Result<BTreeSet<EntryId>, StoreError> {
        let gate = self.gate.try_clone().map_err(StoreError::io("cannot lock the store"))?;
        let (temp, _held) = self.store.temp_dir()?;
        let mut gone = self.unlist(&gate, inventory, entries)?;
        let names = |id: &EntryId| {
            !matches!(id, EntryId::Image(_) | EntryId::Snapshot(_) | EntryId::Blob(_) | EntryId::Verified(_))
        };
        self.take(&gate, inventory, entries.iter().filter(|id| names(id)), &temp, &mut gone)?;
        for dir in ["cache", "remote"] {
            self.store.sync_dir(dir)?;
        }
        let named =
            |id: &&EntryId| matches!(id, EntryId::Snapshot(_) | EntryId::Blob(_) | EntryId::Verified(_));
        self.take(&gate, inventory, entries.iter().filter(named), &temp, &mut gone)?;
        self.store.remove_tmp(&temp)?;
        Ok(gone)
    }

    /// Removes images without a name from index.json.
    fn unlist(
        &mut self,
        gate: &File,
        inventory: &Inventory,
        entries: &[EntryId],
    ) -> Result<BTreeSet<EntryId>, StoreError> {
        let is_image = |id: &&EntryId| matches!(id, EntryId::Image(_));
        let images: BTreeSet<_> = entries.iter().filter(is_image).cloned().collect();
        if images.is_empty() {
            return Ok(images);
        }
        let store = self.store.clone();
        let mut gone = Ok(BTreeSet::new());
        // The index is locked before the gate, in the same order as when an image gets a name.
        store.change_index(|index| {
            gone = self.close(gate).and_then(|_closed| {
                let used = self.closure(inventory)?;
                let stays = |digest: Digest| {
                    let manifest = EntryId::Blob(digest);
                    used.contains(&manifest) || !images.contains(&EntryId::Image(digest))
                };
                index.manifests.retain(|image| name_of(image).is_some() || stays(image.digest));
                Ok(images.iter().filter(|id| !used.contains(&manifest_of(id))).cloned().collect())
            });
        })?;
        gone
    }

    /// Removes entries that are not in use, a few at a time so that nobody waits long.
    fn take<'a>(
        &mut self,
        gate: &File,
        inventory: &Inventory,
        entries: impl Iterator<Item = &'a EntryId>,
        temp: &Path,
        gone: &mut BTreeSet<EntryId>,
    ) -> Result<(), StoreError> {
        let entries: Vec<_> = entries.collect();
        for some in entries.chunks(16) {
            let _closed = self.close(gate)?;
            let used = self.closure(inventory)?;
            for id in some.iter().filter(|id| !is_used(id, inventory, &used)) {
                if self.unname(id, temp)? {
                    gone.insert((*id).clone());
                }
            }
        }
        Ok(())
    }

    /// Removes an entry's name; a directory is removed with `temp`. Returns `false` if somebody is in it.
    fn unname(&self, id: &EntryId, temp: &Path) -> Result<bool, StoreError> {
        let Some(path) = id.path().map(|path| self.store.path().join(path)) else { return Ok(false) };
        let what = || format!("cannot remove {}", path.display());
        let lock = match id {
            EntryId::Failure(_) => Some(path.clone()),
            EntryId::CacheMount(_) => Some(path.join(LOCK)),
            _ => None,
        };
        let _lock = match lock.map(File::open) {
            Some(Ok(file)) if !lock::try_take(&file, Mode::Exclusive).map_err(StoreError::io(what()))? => {
                return Ok(false);
            }
            lock => lock,
        };
        let is_dir = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let removed = match is_dir {
            true => std::fs::rename(&path, temp.join(id.words().0.to_owned() + "-" + &id.words().1)),
            false => std::fs::remove_file(&path),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(what())(error)),
            _ => Ok(true),
        }
    }

    fn close<'a>(&self, gate: &'a File) -> Result<Closed<'a>, StoreError> {
        let timeout = self.store.options().lock_timeout;
        lock::wait(gate, &self.store.path().join(GATE), Mode::Exclusive, timeout)?;
        Ok(Closed(gate))
    }

    /// The entries in use, and all that they need. The gate is closed.
    fn closure(&mut self, inventory: &Inventory) -> Result<BTreeSet<EntryId>, StoreError> {
        self.read_leases()?;
        Ok(inventory.closure(self.held.iter().cloned().map(EntryId::from)))
    }

    /// Reads the new lines of leases. Leases that were not seen before and that nobody holds are removed.
    fn read_leases(&mut self) -> Result<(), StoreError> {
        let dir = self.store.path().join(lease::LEASES);
        let what = |path: &Path| format!("cannot read {}", path.display());
        let is_first = self.read.is_empty();
        let names = match names_at(&dir) {
            // An older store has no such directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names.map_err(StoreError::io(what(&dir)))?,
        };
        for name in names {
            let path: PathBuf = dir.join(&name);
            let mut file = File::open(&path).map_err(StoreError::io(what(&path)))?;
            if is_first && lock::try_take(&file, Mode::Exclusive).map_err(StoreError::io(what(&path)))? {
                let _ = std::fs::remove_file(&path);
                continue;
            }
            let from = self.read.entry(name).or_default();
            let mut text = String::new();
            let read = file.seek(SeekFrom::Start(*from)).and_then(|_| file.read_to_string(&mut text));
            *from += read.map_err(StoreError::io(what(&path)))? as u64;
            self.held.extend(text.lines().filter_map(Held::of_line));
        }
        // It is marked as done, even if there was none.
        self.read.entry(OsString::new()).or_default();
        Ok(())
    }
}

fn manifest_of(id: &EntryId) -> EntryId {
    match id {
        EntryId::Image(digest) => EntryId::Blob(*digest),
        id => id.clone(),
    }
}

/// Whether an entry is in use, or serves one that is.
fn is_used(id: &EntryId, inventory: &Inventory, used: &BTreeSet<EntryId>) -> bool {
    let serves = inventory.entries.get(id).and_then(|entry| entry.serves.as_ref());
    used.contains(id) || serves.is_some_and(|served| served.iter().any(|id| used.contains(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;
    use libwire::Reference;
    use libwire::image::{MEDIA_MANIFEST, Manifest};

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        (dir, store)
    }

    /// An image without a name, of one layer.
    fn image(store: &Store) -> [EntryId; 4] {
        let layer = store.put(b"layer", "x").unwrap();
        let config = store.put(b"{}", "x").unwrap();
        let manifest = Manifest::new(config.clone(), vec![layer.clone()]);
        let manifest = store.put(&serde_json::to_vec(&manifest).unwrap(), MEDIA_MANIFEST).unwrap();
        store.tag_all(&[], &manifest).unwrap();
        let blobs = [manifest.digest, config.digest, layer.digest].map(EntryId::Blob);
        let [manifest, config, layer] = blobs;
        let EntryId::Blob(digest) = manifest else { unreachable!() };
        [EntryId::Image(digest), manifest, config, layer]
    }

    /// Another process's view: it holds nothing of what was made before.
    fn again(store: Store) -> Store {
        let path = store.path().to_owned();
        drop(store);
        Store::open(&path, Options::default()).unwrap()
    }

    #[test]
    fn what_nobody_uses_goes_with_its_name() {
        let (_dir, store) = store();
        let all = image(&store);
        let store = again(store);
        let mut collector = store.collector().unwrap();
        let gone = collector.remove(&store.inventory().unwrap(), &all).unwrap();
        assert_eq!(gone, BTreeSet::from(all));
        let left = store.inventory().unwrap().entries;
        assert!(store.images().unwrap().is_empty());
        assert!(left.keys().all(|id| matches!(id, EntryId::Verified(_))));
    }

    #[test]
    fn what_came_into_use_stays_with_all_that_it_names() {
        let (_dir, store) = store();
        let all = image(&store);
        let store = again(store);
        let mut collector = store.collector().unwrap();
        let inventory = store.inventory().unwrap();
        let user = Store::open_to_use(store.path(), Options::default()).unwrap();
        let [EntryId::Image(manifest), ..] = all else { unreachable!() };
        let found = user.find(&manifest.to_string()).unwrap();
        let gone = collector.remove(&inventory, &all).unwrap();
        assert_eq!(gone, BTreeSet::new());
        // It has given it a name and ended, and is counted still.
        user.tag(&Reference::parse("app").unwrap(), &found.descriptor).unwrap();
        drop(user);
        assert_eq!(collector.remove(&inventory, &all).unwrap(), BTreeSet::new());
        assert_eq!(store.images().unwrap().len(), 1);
    }

    #[test]
    fn a_cache_directory_in_use_stays() {
        let (_dir, store) = store();
        let used = store.cache_mount("a", crate::Sharing::Shared).unwrap();
        drop(store.cache_mount("b", crate::Sharing::Shared).unwrap());
        let inventory = store.inventory().unwrap();
        let all: Vec<_> = inventory.entries.keys().cloned().collect();
        assert_eq!(all.len(), 2);
        let gone = store.collector().unwrap().remove(&inventory, &all).unwrap();
        assert_eq!(gone.len(), 1);
        assert!(used.path().is_dir());
    }

    #[test]
    fn a_snapshot_that_is_found_is_held_with_those_below_it() {
        let (_dir, store) = store();
        let below = store.new_snapshot(&[]).unwrap().publish().unwrap();
        let id = store.new_snapshot(std::slice::from_ref(&below)).unwrap().publish().unwrap();
        let store = again(store);
        let mut collector = store.collector().unwrap();
        let inventory = store.inventory().unwrap();
        let all = [id.clone(), below.clone()].map(EntryId::Snapshot);
        let user = Store::open_to_use(store.path(), Options::default()).unwrap();
        assert!(user.has_snapshot(&id));
        assert!(collector.remove(&inventory, &all).unwrap().is_empty());
        drop((user, collector));
        assert_eq!(store.collector().unwrap().remove(&inventory, &all).unwrap().len(), 2);
        assert!(!store.has_snapshot(&id) && !store.has_snapshot(&below));
    }
}
