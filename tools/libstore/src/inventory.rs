//! The inventory of a store: each entry, its size on the disk, and the entries that it names.
//!
//! It is read without a lock while others write, so it may miss new entries. A damaged entry names no others.

use crate::blob::MAX_JSON;
use crate::cache::unseal;
use crate::error::StoreError;
use crate::failure::{FailedSource, FailedStep};
use crate::layout::DIRS;
use crate::lease::Held;
use crate::remote::Remote;
use crate::snapshot::SnapshotMeta;
use crate::snapshot::{META, TREE};
use crate::store::Store;
use crate::tree_totals::disk_of;
use libtree::walk::names_at;
use libwire::image::{Descriptor, Index, Manifest};
use libwire::record::{Ingredient, LayerRecord};
use libwire::{Digest, Reference};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The largest blob that is read to see whether it is a manifest or an index.
const MAX_MANIFEST: u64 = MAX_JSON;

/// An entry: its kind, and its name within that kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryId {
    /// An entry of index.json without a name: the digest of its manifest or index.
    Image(Digest),
    /// A registry's answer: its file.
    Remote(String),
    /// A cache record: its file.
    Record(String),
    /// A snapshot: its id.
    Snapshot(String),
    /// A blob: its digest.
    Blob(Digest),
    /// The note that a blob was verified: its file.
    Verified(String),
    /// A directory of `RUN --mount=type=cache`.
    CacheMount(String),
    /// The tree of a failed step.
    Failure(String),
    /// The log of a RUN: its file.
    Log(String),
    /// The digests of the files of a build context: its file.
    Context(String),
    /// The key of the latest record in a place: its file.
    Latest(String),
    /// The listing of a content: its file.
    Listing(String),
    /// The record of an image's Dockerfile: its file.
    Build(String),
    /// A damaged entry that was put aside.
    Quarantine(String),
}

impl EntryId {
    /// Kind and name, as they are shown to users.
    pub fn words(&self) -> (&'static str, String) {
        match self {
            Self::Image(digest) => ("image", digest.to_string()),
            Self::Blob(digest) => ("blob", digest.to_string()),
            Self::Remote(name) => ("remote", name.clone()),
            Self::Record(name) => ("record", name.clone()),
            Self::Snapshot(name) => ("snapshot", name.clone()),
            Self::Verified(name) => ("verified", name.clone()),
            Self::CacheMount(name) => ("cachemount", name.clone()),
            Self::Failure(name) => ("failed", name.clone()),
            Self::Log(name) => ("log", name.clone()),
            Self::Context(name) => ("context", name.clone()),
            Self::Latest(name) => ("latest", name.clone()),
            Self::Listing(name) => ("listing", name.clone()),
            Self::Build(name) => ("build", name.clone()),
            Self::Quarantine(name) => ("quarantine", name.clone()),
        }
    }

    /// Its path in the store; an image without a name is only in index.json.
    pub fn path(&self) -> Option<String> {
        let dir = match self {
            Self::Image(_) => return None,
            Self::Blob(digest) => return Some(format!("blobs/sha256/{}", digest.hex())),
            Self::Remote(_) => "remote",
            Self::Record(_) => "cache",
            Self::Snapshot(_) => "snapshots",
            Self::Verified(_) => "verified",
            Self::CacheMount(_) => "cachemounts",
            Self::Failure(_) => "failed",
            Self::Log(_) => "logs",
            Self::Context(_) => "contexts",
            Self::Latest(_) => "latest",
            Self::Listing(_) => "listings",
            Self::Build(_) => "builds",
            Self::Quarantine(_) => "quarantine",
        };
        Some(format!("{dir}/{}", self.words().1))
    }
}

impl From<Held> for EntryId {
    fn from(held: Held) -> Self {
        match held {
            Held::Blob(digest) => Self::Blob(digest),
            Held::Snapshot(id) => Self::Snapshot(id),
        }
    }
}

/// The properties of an entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its size on the disk, in bytes.
    pub disk: u64,
    /// The time when it was made, or used if that is noted.
    pub used: SystemTime,
    /// The entries that it needs.
    pub needs: Vec<EntryId>,
    /// The entry that it serves, if it has no other use.
    pub serves: Option<Vec<EntryId>>,
    /// The time that it took to make it, if that is known.
    pub took: Option<Duration>,
    /// The instruction that made it, with its place.
    pub made_by: Option<String>,
    /// Whether it is an unpacked layer, which can be unpacked again.
    pub unpacked: bool,
}

impl Entry {
    fn at(path: &Path) -> std::io::Result<Self> {
        Ok(Self { disk: disk_of(path)?, ..Self::small(path)? })
    }

    /// An entry whose size is not known yet.
    fn small(path: &Path) -> std::io::Result<Self> {
        let used = path.symlink_metadata()?.modified().unwrap_or(UNIX_EPOCH);
        let (needs, serves, took, made_by) = (Vec::new(), None, None, None);
        Ok(Self { disk: 0, used, needs, serves, took, made_by, unpacked: false })
    }

    fn serving(mut self, what: Vec<EntryId>) -> Self {
        self.serves = Some(what);
        self
    }
}

/// All entries of a store.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The entries.
    pub entries: BTreeMap<EntryId, Entry>,
    /// The images that have names, by these.
    pub named: Vec<(Reference, EntryId)>,
    /// The bytes on the disk of all else: directories, index.json, unfinished files.
    pub other: u64,
}

/// The members of a step's cache record.
#[derive(Default, Deserialize)]
struct Recorded {
    snapshot: Option<String>,
    duration_ms: Option<u64>,
    dockerfile: Option<String>,
    line: Option<u32>,
    text: Option<String>,
    #[serde(default)]
    ingredients: Vec<Ingredient>,
}

impl Store {
    /// Reads the entries of the store.
    pub fn inventory(&self) -> Result<Inventory, StoreError> {
        let mut all = self.files()?;
        for named in self.images()? {
            let id = EntryId::Blob(named.descriptor.digest);
            match named.reference {
                Some(reference) => all.named.push((reference, id)),
                None => all.add_image(named.descriptor.digest),
            }
        }
        Ok(all)
    }

    /// Reads the entries of the store without index.json, so that no image has a name.
    pub fn files(&self) -> Result<Inventory, StoreError> {
        let mut all = Inventory::default();
        all.read(self).map_err(StoreError::io(format!("cannot read {}", self.path().display())))?;
        Ok(all)
    }

    /// The complete manifests and indexes of `all` that no other one names.
    pub fn unnamed_images(&self, all: &Inventory) -> Vec<Descriptor> {
        let images = all.entries.iter().filter(|(id, _)| matches!(id, EntryId::Blob(_)));
        let named: BTreeSet<_> = images.clone().flat_map(|(_, entry)| &entry.needs).collect();
        let is_whole = |(id, entry): &(&EntryId, &Entry)| {
            let is_here = |id| all.entries.contains_key(id);
            !entry.needs.is_empty() && !named.contains(*id) && entry.needs.iter().all(is_here)
        };
        let digest = |(id, _): (&EntryId, &Entry)| match id {
            EntryId::Blob(digest) => Some(*digest),
            _ => None,
        };
        images.filter(is_whole).filter_map(digest).filter_map(|digest| self.unlisted(digest)).collect()
    }
}

impl Inventory {
    /// `roots` and all entries that they need.
    pub fn closure(&self, roots: impl IntoIterator<Item = EntryId>) -> BTreeSet<EntryId> {
        let (mut found, mut todo) = (BTreeSet::new(), roots.into_iter().collect::<Vec<_>>());
        while let Some(id) = todo.pop() {
            if let Some(entry) = self.entries.get(&id)
                && !found.contains(&id)
            {
                todo.extend(entry.needs.iter().cloned());
            }
            found.insert(id);
        }
        found
    }

    /// The bytes that the store takes on the disk.
    pub fn disk(&self) -> u64 {
        self.other + self.entries.values().map(|entry| entry.disk).sum::<u64>()
    }

    fn add_image(&mut self, manifest: Digest) {
        let Some(blob) = self.entries.get(&EntryId::Blob(manifest)) else { return };
        let entry = Entry { disk: 0, needs: vec![EntryId::Blob(manifest)], ..blob.clone() };
        self.entries.insert(EntryId::Image(manifest), entry);
    }

    fn read(&mut self, store: &Store) -> std::io::Result<()> {
        let root = store.path();
        self.other = blocks(root)?;
        for name in names_at(root)? {
            let (path, name) = (root.join(&name), name.to_string_lossy().into_owned());
            let known = DIRS.iter().any(|dir| *dir == name) && !["tmp", "leases", "locks"].contains(&&*name);
            self.other += match known {
                true => blocks(&path)?,
                false => disk_of(&path)?,
            };
        }
        self.other += blocks(&root.join("blobs/sha256"))?;
        // Records name the listings that are still of use.
        self.each(root, "listings", |name, path, all| {
            all.add(EntryId::Listing(name), Entry::at(path)?.serving(Vec::new()))
        })?;
        self.each(root, "blobs/sha256", |name, path, all| all.blob(store, name, path))?;
        self.each(root, "snapshots", |name, path, all| all.snapshot(name, path))?;
        self.each(root, "cache", |name, path, all| all.record(name, path))?;
        self.each(root, "remote", |name, path, all| all.remote(name, path))?;
        self.each(root, "failed", |name, path, all| all.failure(name, path))?;
        self.each(root, "latest", |name, path, all| {
            let key = std::fs::read_to_string(path).unwrap_or_default();
            let record = key.trim_end().strip_prefix("sha256:").unwrap_or_default().to_owned() + ".json";
            let entry = Entry::at(path)?.serving(vec![EntryId::Record(record)]);
            all.add(EntryId::Latest(name), entry)
        })?;
        self.each(root, "logs", |name, path, all| {
            let id = name.strip_suffix(".log").unwrap_or(&name).to_owned();
            let of = vec![EntryId::Snapshot(id.clone()), EntryId::Failure(id)];
            all.add(EntryId::Log(name), Entry::at(path)?.serving(of))
        })?;
        self.each(root, "builds", |name, path, all| {
            let of = name.get(..64).and_then(|hex| format!("sha256:{hex}").parse().ok()).map(EntryId::Blob);
            all.add(EntryId::Build(name), Entry::at(path)?.serving(of.into_iter().collect()))
        })?;
        self.each(root, "verified", |name, path, all| {
            let of = format!("sha256:{name}").parse().ok().map(EntryId::Blob);
            all.add(EntryId::Verified(name), Entry::at(path)?.serving(of.into_iter().collect()))
        })?;
        self.each(root, "cachemounts", |name, path, all| {
            let used = path.join(crate::cachemount::LOCK).symlink_metadata().and_then(|meta| meta.modified());
            let entry = Entry::at(path)?;
            all.add(EntryId::CacheMount(name), Entry { used: used.unwrap_or(entry.used), ..entry })
        })?;
        self.each(root, "contexts", |name, path, all| all.add(EntryId::Context(name), Entry::at(path)?))?;
        self.each(root, "quarantine", |name, path, all| all.add(EntryId::Quarantine(name), Entry::at(path)?))
    }

    /// Reads the entries of a directory. Entries that are removed meanwhile are skipped.
    fn each(
        &mut self,
        root: &Path,
        dir: &str,
        mut read: impl FnMut(String, &Path, &mut Self) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let dir = root.join(dir);
        for name in names_at(&dir)? {
            // A file with any other name is not one of the store, and could not be found again.
            let Some(text) = name.to_str() else { continue };
            match read(text.to_owned(), &dir.join(text), self) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                read => read?,
            }
        }
        Ok(())
    }

    fn add(&mut self, id: EntryId, entry: Entry) -> std::io::Result<()> {
        self.entries.insert(id, entry);
        Ok(())
    }

    fn blob(&mut self, store: &Store, name: String, path: &Path) -> std::io::Result<()> {
        let Ok(digest) = format!("sha256:{name}").parse::<Digest>() else { return Ok(()) };
        let mut entry = Entry::at(path)?;
        if path.symlink_metadata()?.len() <= MAX_MANIFEST {
            entry.needs = named_by(store, digest).into_iter().map(EntryId::Blob).collect();
        }
        self.add(EntryId::Blob(digest), entry)
    }

    fn snapshot(&mut self, id: String, path: &Path) -> std::io::Result<()> {
        let meta = path.join(META);
        // A use is noted on this file.
        let mut entry = Entry::small(&meta).or_else(|_| Entry::small(path))?;
        let known: SnapshotMeta =
            std::fs::read(&meta).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        entry.disk = blocks(path)?;
        entry.unpacked = known.diff_id.is_some();
        entry.needs = known.parents.into_iter().map(EntryId::Snapshot).collect();
        for name in names_at(path)? {
            let path = path.join(&name);
            entry.disk += match known.tree.and_then(|tree| tree.disk) {
                Some(disk) if name == TREE => disk,
                _ => disk_of(&path)?,
            };
            if name.to_string_lossy().starts_with("layer-")
                && let Some(record) = sealed::<LayerRecord>(&path)
            {
                entry.needs.push(EntryId::Blob(record.layer.descriptor.digest));
            }
        }
        self.add(EntryId::Snapshot(id), entry)
    }

    fn record(&mut self, name: String, path: &Path) -> std::io::Result<()> {
        let mut entry = Entry::at(path)?;
        let known: Option<serde_json::Value> = sealed(path);
        let is_damaged = known.is_none();
        let known = known.and_then(|known| Recorded::deserialize(known).ok()).unwrap_or_default();
        entry.took = known.duration_ms.map(Duration::from_millis);
        if let (Some(file), Some(line), Some(text)) = (known.dockerfile, known.line, known.text) {
            entry.made_by = Some(format!("{file}:{line} {text}"));
        }
        entry.serves = match known.snapshot {
            Some(id) => Some(vec![EntryId::Snapshot(id)]),
            None => is_damaged.then(Vec::new),
        };
        for ingredient in known.ingredients {
            let hex = ingredient.value.split_once(':').map(|(_, hex)| hex.to_owned());
            if let Some(listing) = hex.and_then(|hex| self.entries.get_mut(&EntryId::Listing(hex))) {
                listing.serves.get_or_insert_default().push(EntryId::Record(name.clone()));
            }
        }
        self.add(EntryId::Record(name), entry)
    }

    fn remote(&mut self, name: String, path: &Path) -> std::io::Result<()> {
        let mut entry = Entry::at(path)?;
        match sealed::<Remote>(path) {
            Some(said) => {
                let digests = [Some(said.manifest.digest), said.index];
                entry.needs = digests.into_iter().flatten().map(EntryId::Blob).collect();
                entry.made_by = Some(said.name);
            }
            None => entry.serves = Some(Vec::new()),
        }
        self.add(EntryId::Remote(name), entry)
    }

    fn failure(&mut self, name: String, path: &Path) -> std::io::Result<()> {
        let mut entry = Entry::at(path)?;
        if let Some(step) = sealed::<FailedStep>(&path.join("step.json")) {
            let shown = step.mounts.into_iter().flat_map(|mount| match mount.source {
                FailedSource::Snapshots { ids, .. } => ids,
                _ => Vec::new(),
            });
            entry.needs = step.parents.into_iter().chain(shown).map(EntryId::Snapshot).collect();
        }
        self.add(EntryId::Failure(name), entry)
    }
}

/// The bytes on the disk of a directory or file alone.
fn blocks(path: &Path) -> std::io::Result<u64> {
    path.symlink_metadata().map(|meta| meta.blocks() * 512)
}

/// The content of a sealed record, if its digest is right. A damaged record is put aside by the tool that uses it, not
/// here.
fn sealed<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(unseal(&std::fs::read(path).ok()?).ok()?).ok()
}

/// The blobs that a blob names, if it is a valid manifest or index.
fn named_by(store: &Store, digest: Digest) -> Vec<Digest> {
    let Ok(bytes) = std::fs::read(store.blob_path(digest)) else { return Vec::new() };
    if bytes.first() != Some(&b'{') || Digest::of(&bytes) != digest {
        return Vec::new();
    }
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) {
        return manifest.layers.iter().chain([&manifest.config]).map(|blob| blob.digest).collect();
    }
    let index = serde_json::from_slice::<Index>(&bytes).map(|index| index.manifests).unwrap_or_default();
    index.iter().map(|image| image.digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn entries_add_up_to_what_du_says_and_name_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        let layer = store.put(&[7; 9000], "x").unwrap();
        let config = store.put(b"{}", "x").unwrap();
        let manifest = serde_json::to_vec(&Manifest::new(config.clone(), vec![layer.clone()])).unwrap();
        let manifest = store.put(&manifest, libwire::image::MEDIA_MANIFEST).unwrap();
        store.tag(&Reference::parse("app").unwrap(), &manifest).unwrap();
        let new = store.new_snapshot(&[]).unwrap();
        std::fs::write(new.upper().join("a"), [1; 5000]).unwrap();
        std::fs::hard_link(new.upper().join("a"), new.upper().join("b")).unwrap();
        let below = new.publish().unwrap();
        let id = store.new_snapshot(std::slice::from_ref(&below)).unwrap().publish().unwrap();
        let value = serde_json::json!({"snapshot": id, "duration_ms": 7, "ingredients": []});
        store.cache_put(Digest::of(b"key"), &value).unwrap();
        store.settle().unwrap();

        let all = store.inventory().unwrap();
        let du = std::process::Command::new("du").args(["-s", "-B1"]).arg(store.path()).output().unwrap();
        let du = String::from_utf8(du.stdout).unwrap();
        assert_eq!(all.disk().to_string(), du.split_whitespace().next().unwrap());
        let snapshot = |id: &str| EntryId::Snapshot(id.to_owned());
        assert_eq!(all.closure([snapshot(&id)]), BTreeSet::from([snapshot(&id), snapshot(&below)]));
        let image = [manifest.digest, config.digest, layer.digest].map(EntryId::Blob);
        assert_eq!(all.closure([all.named[0].1.clone()]), BTreeSet::from(image));
        let record = &all.entries[&EntryId::Record(format!("{}.json", Digest::of(b"key").hex()))];
        assert_eq!(record.took, Some(Duration::from_millis(7)));
        assert_eq!(record.serves, Some(vec![snapshot(&id)]));
    }
}
