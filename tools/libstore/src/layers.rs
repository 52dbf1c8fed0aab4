//! Records of the layers into which snapshots were packed, so that each is packed once.

use crate::error::StoreError;
use crate::store::Store;
use libtree::walk::names_at;
use libwire::Packing;
use libwire::record::LayerRecord;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The settings with which a layer was packed. With other settings the same snapshot gives another layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerKey {
    /// `gzip`, `zstd` or `none`; for another packer its name.
    pub compression: String,
    /// The compression level, if it has one.
    pub level: Option<i32>,
    /// Later modification times were set to this.
    pub clamp: Option<i64>,
}

/// Whether a record's name is that of a layer by layer-pack in which no time was changed.
fn is_faithful(name: &str) -> bool {
    let packer = name.strip_prefix("layer-").and_then(|rest| rest.split(['-', '.']).next());
    packer.is_some_and(|packer| TAKEN[..3].contains(&packer)) && !name.contains("-c")
}

/// Names that no packer can have: the first are layer-pack's, the others have a meaning of their own in options.
const TAKEN: [&str; 5] = ["gzip", "zstd", "none", "always", "auto"];

impl LayerKey {
    /// The settings for layers that a packer with this name, which is not of the suite, declares to be exactly the
    /// snapshots.
    pub fn of_packer(name: &str) -> Result<Self, String> {
        let word = (1..=32).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        match word && !TAKEN.contains(&name) {
            true => Ok(Self { compression: name.to_owned(), level: None, clamp: None }),
            false => Err(format!(
                "{name:?} is no packer's name; take 1 to 32 small letters and digits, but none of {}",
                TAKEN.join(", ")
            )),
        }
    }

    fn file_name(&self) -> String {
        let part = |name: &str, value: Option<String>| {
            value.map(|value| format!("-{name}{value}")).unwrap_or_default()
        };
        let level = part("l", self.level.map(|level| level.to_string()));
        let clamp = part("c", self.clamp.map(|clamp| clamp.to_string()));
        format!("layer-{}{level}{clamp}.json", self.compression)
    }
}

impl From<Packing> for LayerKey {
    /// The settings for layer-pack's layers.
    fn from(packing: Packing) -> Self {
        let Packing { compression, level, clamp } = packing;
        let level = level.and_then(|level| i32::try_from(level).ok());
        Self { compression: compression.name().to_owned(), level, clamp }
    }
}

impl Store {
    /// The layer made of a snapshot with these settings, if it is known and its blob is there.
    pub fn layer(&self, snapshot: &str, key: &LayerKey) -> Result<Option<LayerRecord>, StoreError> {
        if !self.has_snapshot(snapshot) {
            return Ok(None);
        }
        self.layer_in(&self.layer_file(snapshot, key)?, snapshot)
    }

    /// The layer of a snapshot in a record, if its blob is there.
    fn layer_in(&self, path: &Path, snapshot: &str) -> Result<Option<LayerRecord>, StoreError> {
        let record: Option<LayerRecord> = self.read_record(path)?;
        match record.filter(|record| record.snapshot == snapshot) {
            Some(record) if self.has_blob(&record.layer.descriptor)? => Ok(Some(record)),
            _ => Ok(None),
        }
    }

    /// Records a snapshot's layer, whose blob must be committed already.
    pub fn set_layer(&self, key: &LayerKey, record: &LayerRecord) -> Result<(), StoreError> {
        self.write_record(&self.layer_file(&record.snapshot, key)?, record)
    }

    /// Any layer that is exactly the snapshot: one by layer-pack in which no time was changed. The content of other
    /// packers' layers is not known.
    pub(crate) fn faithful_layer(&self, snapshot: &str) -> Result<Option<LayerRecord>, StoreError> {
        if !self.has_snapshot(snapshot) {
            return Ok(None);
        }
        for path in self.layer_files(snapshot)? {
            if !path.file_name().is_some_and(|name| is_faithful(&name.to_string_lossy())) {
                continue;
            }
            let record = self.layer_in(&path, snapshot)?;
            if record.is_some() {
                return Ok(record);
            }
        }
        Ok(None)
    }

    pub(crate) fn layer_files(&self, snapshot: &str) -> Result<Vec<PathBuf>, StoreError> {
        let dir = self.snapshot_dir(snapshot)?;
        let names = names_at(&dir).map_err(StoreError::io(format!("cannot read {}", dir.display())))?;
        let layers = names.into_iter().filter(|name| name.to_string_lossy().starts_with("layer-"));
        Ok(layers.map(|name| dir.join(name)).collect())
    }

    fn layer_file(&self, snapshot: &str, key: &LayerKey) -> Result<PathBuf, StoreError> {
        Ok(self.snapshot_dir(snapshot)?.join(key.file_name()))
    }

    pub(crate) fn write_raw(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let what = format!("cannot write {}", path.display());
        let mut temp = self.temp()?;
        temp.file.write_all(bytes).map_err(StoreError::io(&what))?;
        // Most records are new, and replacing a name costs two more system calls.
        match temp.link(path).map_err(StoreError::io(&what))? {
            true => Ok(()),
            false => temp.replace(&self.tmp(), path).map_err(StoreError::io(&what)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use libwire::record::Layer;

    #[test]
    fn a_layer_is_known_by_snapshot_and_settings_while_its_blob_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        let snapshot = store.new_snapshot(&[]).unwrap().publish().unwrap();
        let descriptor = store.put(b"layer", "x").unwrap();
        let layer = Layer { diff_id: descriptor.digest, descriptor };
        let record = LayerRecord {
            snapshot: snapshot.clone(),
            layer,
            tar_size: 5,
            content_size: None,
            span: None,
            pushed: None,
        };
        let key = LayerKey { compression: "gzip".into(), level: Some(6), clamp: None };
        assert_eq!(store.layer(&snapshot, &key).unwrap(), None);
        store.set_layer(&key, &record).unwrap();
        assert_eq!(store.layer(&snapshot, &key).unwrap(), Some(record.clone()));
        let other = LayerKey { clamp: Some(0), ..key.clone() };
        assert_eq!(store.layer(&snapshot, &other).unwrap(), None);
        std::fs::remove_file(store.blob_path(record.layer.descriptor.digest)).unwrap();
        assert_eq!(store.layer(&snapshot, &key).unwrap(), None);
        assert!(["", "gzip", "a-c0", "A", "../x"].iter().all(|bad| LayerKey::of_packer(bad).is_err()));
        assert_eq!(LayerKey::of_packer("xz9").unwrap().file_name(), "layer-xz9.json");
        for (name, faithful) in [
            ("layer-gzip.json", true),
            ("layer-none.json", true),
            ("layer-zstd-l3.json", true),
            ("layer-gzip-l6-c0.json", false),
            ("layer-xz9.json", false),
            ("layer-gzip9.json", false),
        ] {
            assert_eq!(is_faithful(name), faithful, "{name}");
        }
    }
}
