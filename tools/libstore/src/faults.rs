//! Checks whether entries are as they were written. It changes only its notes, and puts entries aside only by
//! [`Store::put_aside`].

use crate::blob::BlobReader;
use crate::blob::descriptor;
use crate::cache::{seal, unseal};
use crate::error::StoreError;
use crate::inventory::EntryId;
use crate::snapshot::{META, TREE, UNSETTLED};
use crate::store::Store;
use crate::tree_content::TreeContent;
use crate::tree_totals::difference;
use crate::write;
use libtree::walk::names_at;
use libwire::Digest;
use libwire::image::Descriptor;
use libwire::record::{Layer, LayerRecord};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

/// In a snapshot: the digest of its files, noted when they were first found without a fault.
const CONTENT: &str = "content";

/// A fault of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not as it was written.
    Damaged(String),
    /// Nothing uses it, so that it does no harm.
    Stale(String),
}

impl Store {
    /// The fault of an entry, if it has one. `layers` has the layers of unpacked snapshots, by the hex of their chain
    /// IDs. An entry that is gone has no fault.
    pub fn fault(&self, id: &EntryId, layers: &BTreeMap<String, Layer>) -> Result<Option<Fault>, StoreError> {
        let Some(path) = id.path().map(|path| self.path().join(path)) else { return Ok(None) };
        let found = self.fault_at(id, &path, layers);
        // store-gc may have removed it meanwhile.
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => found,
        }
    }

    fn fault_at(
        &self,
        id: &EntryId,
        path: &Path,
        layers: &BTreeMap<String, Layer>,
    ) -> Result<Option<Fault>, StoreError> {
        let found = match id {
            EntryId::Blob(digest) => blob_fault(path, *digest),
            EntryId::Record(_) | EntryId::Remote(_) | EntryId::Build(_) => sealed_fault(path, true),
            EntryId::Listing(_) => sealed_fault(path, false),
            EntryId::Failure(_) => sealed_fault(&path.join("step.json"), true),
            EntryId::Latest(_) => self.latest_fault(path),
            EntryId::Verified(name) => self.note_fault(name, path),
            EntryId::Snapshot(id) => return self.snapshot_fault(id, path, layers),
            // Others write their content, or no digest of it is known.
            _ => Ok(None),
        };
        gone_is_none(found).map_err(StoreError::io(format!("cannot read {}", path.display())))
    }

    /// The layers of all images, by the hex of their chain IDs.
    pub fn layers_by_chain(&self) -> BTreeMap<String, Layer> {
        let named = self.images().unwrap_or_default().into_iter().map(|named| named.descriptor);
        let said = self.remotes().unwrap_or_default().into_iter().map(|remote| remote.manifest);
        let images = named.chain(said).filter_map(|manifest| self.image(&manifest).ok());
        images.flat_map(|image| self.chain(&image)).collect()
    }

    /// Puts a damaged entry aside, so that it counts as missing.
    pub fn put_aside(&self, id: &EntryId) {
        if let Some(path) = id.path() {
            let name = id.words().1;
            let name = name.strip_prefix("sha256:").unwrap_or(&name).to_owned();
            self.put_away(&self.path().join(path), &name);
        }
    }

    /// The faults of the files at the store's top, by name.
    pub fn top_faults(&self) -> Vec<(String, Fault)> {
        let mut faults = Vec::new();
        let (name, wanted) = crate::layout::LAYOUT;
        if std::fs::read_to_string(self.path().join(name)).ok().as_deref() != Some(wanted) {
            faults.push((name.to_owned(), Fault::Damaged(format!("it is not {wanted}"))));
        }
        let mut index = |what: String| faults.push(("index.json".to_owned(), Fault::Damaged(what)));
        match self.checked_index() {
            Err(error) => index(error.to_string()),
            Ok(found) => {
                let lost = |image: &&Descriptor| !self.blob_path(image.digest).exists();
                if let Some(image) = found.manifests.iter().find(lost) {
                    index(format!("it names {}, which is not there", image.digest));
                } else if self.index_copy().is_some_and(|copy| copy != found) {
                    let what =
                        "it is not what these tools wrote last; another program has changed it, or a fault";
                    faults.push(("index.json".into(), Fault::Stale(what.into())));
                }
            }
        }
        faults
    }

    fn note_fault(&self, name: &str, path: &Path) -> io::Result<Option<Fault>> {
        let Ok(digest) = format!("sha256:{name}").parse::<Digest>() else { return Ok(None) };
        let meta = self.blob_path(digest).symlink_metadata()?;
        let text = std::fs::read_to_string(path)?;
        let what =
            || Fault::Stale("it is of another state of the blob, which is hashed at its next use".into());
        Ok((!self.notes(&meta).contains(&text)).then(what))
    }

    fn latest_fault(&self, path: &Path) -> io::Result<Option<Fault>> {
        let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        let key = text.strip_suffix('\n').and_then(|key| key.parse::<Digest>().ok());
        Ok(match key.filter(|key| format!("{key}\n") == text) {
            // A file that is just being written has no key either.
            None => Some(Fault::Stale("it is no key".into())),
            Some(key) if self.cache_file(key).exists() => None,
            Some(_) => Some(Fault::Stale("it is the key of no record".into())),
        })
    }

    fn snapshot_fault(
        &self,
        id: &str,
        path: &Path,
        layers: &BTreeMap<String, Layer>,
    ) -> Result<Option<Fault>, StoreError> {
        let read = |error| StoreError::io(format!("cannot read {}", path.display()))(error);
        let damaged = |what: String| Ok(Some(Fault::Damaged(what)));
        let meta = match self.snapshot_meta(id) {
            Ok(meta) => meta,
            Err(StoreError::Corrupt { why, .. }) => return damaged(format!("{META}: {why}")),
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return damaged(format!("it has no {META}"));
            }
            Err(error) => return Err(error),
        };
        let mut layer = id.get(id.len().saturating_sub(64)..).and_then(|chain| layers.get(chain)).cloned();
        for name in names_at(path).map_err(read)? {
            let file = name.to_string_lossy();
            if !file.starts_with("layer-") {
                continue;
            }
            if let Some(Fault::Damaged(what)) = sealed_fault(&path.join(&name), true).map_err(read)? {
                return damaged(format!("{file}: {what}"));
            }
        }
        if let Some(LayerRecord { layer: packed, .. }) = self.faithful_layer(id)? {
            layer = Some(packed);
        }
        match std::fs::read_to_string(path.join(UNSETTLED)) {
            Ok(boot) if boot != write::boot_id() => {
                return Ok(Some(Fault::Stale("it was not synced before the machine stopped".into())));
            }
            _ => {}
        }
        let tree = path.join(TREE);
        if let (Some(made), Ok(tree)) = (meta.tree, File::open(&tree))
            && let Some(why) = difference(made, tree, true).map_err(read)?
        {
            return damaged(why);
        }
        match tree.is_dir() {
            true => self.content_fault(path, layer.as_ref()),
            false => Ok(None),
        }
    }

    /// Compares a tree with its noted digest, or else with its layer. If no fault is found, the digest is noted.
    fn content_fault(&self, path: &Path, layer: Option<&Layer>) -> Result<Option<Fault>, StoreError> {
        let read = |error| StoreError::io(format!("cannot read {}", path.display()))(error);
        let content = TreeContent::of(&path.join(TREE)).map_err(read)?;
        let (note, digest) = (path.join(CONTENT), content.digest());
        let noted = std::fs::read(&note).ok();
        let is_whole = noted.as_deref().map(|noted| noted == seal(digest.to_string().as_bytes()));
        if is_whole == Some(true) {
            return Ok(None);
        }
        // A damaged layer proves nothing about the tree.
        if let Some(other) = layer.and_then(|layer| content.other_than(self, layer).ok()).flatten() {
            return Ok(Some(Fault::Damaged(format!("{other} is not what its layer has"))));
        }
        match (is_whole, noted.as_deref().map(unseal)) {
            (Some(false), Some(Ok(_))) => {
                Ok(Some(Fault::Damaged("its files are not what they were when it was last checked".into())))
            }
            _ if self.is_writable() => {
                self.write_raw(&note, &seal(digest.to_string().as_bytes()))?;
                Ok(noted
                    .map(|_| Fault::Stale(format!("its file {CONTENT} was damaged, and is written anew"))))
            }
            _ => Ok(None),
        }
    }
}

fn gone_is_none(found: io::Result<Option<Fault>>) -> io::Result<Option<Fault>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found,
    }
}

fn blob_fault(path: &Path, digest: Digest) -> io::Result<Option<Fault>> {
    let file = File::open(path)?;
    let expected = descriptor("", digest, file.metadata()?.len());
    match io::copy(&mut BlobReader::new(Box::new(file), &expected), &mut io::sink()) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Ok(Some(Fault::Damaged("its bytes are not those of its name".into())))
        }
        copied => copied.map(|_| None),
    }
}

/// The fault of a sealed file. With `json` its content must be JSON.
fn sealed_fault(path: &Path, json: bool) -> io::Result<Option<Fault>> {
    let bytes = std::fs::read(path)?;
    Ok(match unseal(&bytes) {
        Err(why) => Some(Fault::Damaged(why.into())),
        Ok(content) if json => {
            let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(content);
            parsed.err().map(|error| Fault::Damaged(error.to_string()))
        }
        Ok(_) => None,
    })
}
