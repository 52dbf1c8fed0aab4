//! Cache records: the last result of a step, by its key. A damaged record is a miss, never an answer.
//!
//! A record is `sha256:<hex>`, a newline, and JSON with that digest. It is not synced: after a power cut a torn record
//! fails its digest, and the entries that it names are checked by themselves.

use crate::blob::MAX_JSON;
use crate::error::StoreError;
use crate::image::read_limited;
use crate::store::Store;
use libwire::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

impl Store {
    /// The value that was stored under `key`; `None` if there is none that can be trusted.
    pub fn cache_get<T: DeserializeOwned>(&self, key: Digest) -> Result<Option<T>, StoreError> {
        self.read_record(&self.cache_file(key))
    }

    /// Stores `value` under `key`, in place of an earlier value. The entries that it names must be published.
    pub fn cache_put<T: Serialize>(&self, key: Digest, value: &T) -> Result<(), StoreError> {
        self.write_record(&self.cache_file(key), value)
    }

    pub(crate) fn cache_file(&self, key: Digest) -> PathBuf {
        self.path().join("cache").join(format!("{}.json", key.hex()))
    }

    pub(crate) fn read_record<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, StoreError> {
        let what = || format!("cannot read {}", path.display());
        let bytes = match std::fs::File::open(path) {
            Ok(file) => read_limited(file, 4 * MAX_JSON),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io(what())(error)),
        };
        let parsed = match bytes {
            Ok(bytes) => unseal(&bytes)
                .map_err(str::to_owned)
                .and_then(|json| serde_json::from_slice(json).map_err(|error| error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err("it is too large".into()),
            Err(error) => return Err(StoreError::io(what())(error)),
        };
        parsed.map(Some).or_else(|why| {
            self.warn(format!("{} is damaged and is not used: {why}", path.display()));
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            self.quarantine(path, &name.unwrap_or_default());
            Ok(None)
        })
    }

    pub(crate) fn write_record<T: Serialize>(&self, path: &Path, value: &T) -> Result<(), StoreError> {
        let what = || format!("cannot write {}", path.display());
        let json = serde_json::to_vec(value).map_err(|error| StoreError::io(what())(error.into()))?;
        self.write_raw(path, &seal(&json))
    }
}

/// A sealed file: its digest, then the content.
pub(crate) fn seal(content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{}\n", Digest::of(content)).into_bytes();
    bytes.extend_from_slice(content);
    bytes.push(b'\n');
    bytes
}

/// The content of a sealed file, if its digest is right.
pub(crate) fn unseal(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let end = bytes.iter().position(|&b| b == b'\n').ok_or("it has no digest line")?;
    let digest: Digest =
        String::from_utf8_lossy(&bytes[..end]).parse().map_err(|_| "it has no digest line")?;
    let content = bytes[end + 1..].strip_suffix(b"\n").ok_or("it is cut")?;
    match Digest::of(content) == digest {
        true => Ok(content),
        false => Err("its digest is wrong"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn a_damaged_record_is_a_miss_with_one_warning_and_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        let key = Digest::of(b"key");
        assert_eq!(store.cache_get::<Vec<u32>>(key).unwrap(), None);
        store.cache_put(key, &vec![1, 2, 3]).unwrap();
        assert_eq!(store.cache_get(key).unwrap(), Some(vec![1, 2, 3]));
        let path = store.cache_file(key);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert_eq!(store.cache_get::<Vec<u32>>(key).unwrap(), None, "byte {at}");
            assert_eq!(store.take_warnings().len(), 1);
            assert!(!path.exists());
        }
        std::fs::write(&path, "").unwrap();
        assert_eq!(store.cache_get::<Vec<u32>>(key).unwrap(), None);
        store.cache_put(key, &vec![4]).unwrap();
        assert_eq!(store.cache_get(key).unwrap(), Some(vec![4]));
    }
}
