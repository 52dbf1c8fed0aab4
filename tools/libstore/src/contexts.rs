//! Remembers, for each build context by its path, the content of its files when they were last read.
//!
//! The format belongs to the caller, and has its own checksum. It is not synced, and if it is lost, files are only read
//! again.

use crate::error::StoreError;
use crate::store::Store;
use libwire::Digest;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The time after which an unused directory is forgotten.
const KEEP: Duration = Duration::from_secs(30 * 86_400);

impl Store {
    /// The bytes that were last remembered for `directory`, an absolute path; empty if there are none.
    pub fn memory_of(&self, directory: &Path) -> Vec<u8> {
        std::fs::read(self.memory_file(directory)).unwrap_or_default()
    }

    /// Remembers `bytes` for `directory`, in place of earlier ones. With every new directory, directories that were not
    /// used for [`KEEP`] are forgotten, because many are temporary.
    pub fn set_memory_of(&self, directory: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let file = self.memory_file(directory);
        if !file.exists() {
            self.forget_memories(SystemTime::now() - KEEP);
        }
        self.write_raw(&file, bytes)
    }

    fn forget_memories(&self, before: SystemTime) {
        let dir = self.path().join("contexts");
        for name in libtree::walk::names_at(&dir).unwrap_or_default() {
            let file = dir.join(name);
            let time = file.symlink_metadata().and_then(|meta| meta.modified());
            if time.is_ok_and(|time| time < before) {
                // A file that stays only takes room.
                let _ = std::fs::remove_file(file);
            }
        }
    }

    fn memory_file(&self, directory: &Path) -> PathBuf {
        // Attributes read otherwise under another id map.
        let name = [self.options().map.as_bytes(), b"\n", directory.as_os_str().as_bytes()].concat();
        self.path().join("contexts").join(Digest::of(&name).hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn each_directory_and_each_id_map_is_remembered_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let open = |map: &str| {
            let options = Options { map: map.into(), ..Options::default() };
            Store::open(&dir.path().join("s"), options).unwrap()
        };
        let (root, mapped) = (open(""), open("subuid"));
        assert_eq!(root.memory_of(Path::new("/a")), b"");
        root.set_memory_of(Path::new("/a"), b"1").unwrap();
        root.set_memory_of(Path::new("/b"), b"2").unwrap();
        root.set_memory_of(Path::new("/a"), b"3").unwrap();
        assert_eq!(root.memory_of(Path::new("/a")), b"3");
        assert_eq!(root.memory_of(Path::new("/b")), b"2");
        assert_eq!(mapped.memory_of(Path::new("/a")), b"");
    }

    #[test]
    fn a_directory_that_is_not_built_from_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        store.set_memory_of(Path::new("/a"), b"1").unwrap();
        let old = std::fs::File::open(store.memory_file(Path::new("/a"))).unwrap();
        old.set_modified(SystemTime::now() - KEEP - Duration::from_secs(1)).unwrap();
        store.set_memory_of(Path::new("/b"), b"2").unwrap();
        assert_eq!(
            (store.memory_of(Path::new("/a")), store.memory_of(Path::new("/b"))),
            (vec![], b"2".to_vec())
        );
    }
}
