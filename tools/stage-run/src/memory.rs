//! The store's memory of a build context: the digests of files that were read before. If it is lost, they are read
//! again.

use libcopy::Memory;
use libstore::Store;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The memory of one directory.
pub struct ContextMemory {
    /// The digests of its files.
    pub files: Memory,
    /// Its absolute path.
    pub directory: PathBuf,
    /// Where the memory is kept, unless the run may not write.
    store: Option<Store>,
}

impl ContextMemory {
    /// The memory that `store` has of the directory at `path`.
    pub fn of(store: &Store, dry_run: bool, path: &Path) -> Option<Self> {
        let directory = path.canonicalize().ok()?;
        let files = Memory::new(&store.memory_of(&directory), SystemTime::now());
        let store = (!dry_run).then(|| store.clone());
        Some(Self { files, directory, store })
    }

    /// Keeps the digests that are new.
    pub fn keep(&self) {
        if let Some(store) = self.store.as_ref().filter(|_| self.files.has_news()) {
            let written = self.files.write(&store.memory_of(&self.directory));
            let _ = store.set_memory_of(&self.directory, &written);
        }
    }
}
