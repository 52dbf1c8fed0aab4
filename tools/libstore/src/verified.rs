//! Notes of verified blobs, with the state of their files. A blob in another state is hashed again before it is used
//! without being read.
//!
//! The note about a blob is not synced. If it is lost, the blob is hashed once more, as in a copied store, whose files
//! have other inodes and times.

use crate::blob::{BlobReader, descriptor};
use crate::error::StoreError;
use crate::lease::Held;
use crate::store::Store;
use crate::write;
use libwire::Digest;
use libwire::image::Descriptor;
use rustix::fs::{Mode, OFlags, open};
use std::fs::{File, Metadata};
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

impl Store {
    /// Whether a blob of this digest and length is there and right. If its file has changed, the blob is hashed. A
    /// damaged blob is put aside, so that its name is free for a new one.
    pub fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, StoreError> {
        Ok(self.sound_blob(descriptor.digest)? == Some(descriptor.size))
    }

    /// The length of a blob, if it is there and right.
    pub(crate) fn sound_blob(&self, digest: Digest) -> Result<Option<u64>, StoreError> {
        let path = self.blob_path(digest);
        let failed = |error: io::Error| StoreError::io(format!("cannot read blob {digest}"))(error);
        let meta = match self.hold(Held::Blob(digest), || path.symlink_metadata())? {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            meta => meta.map_err(failed)?,
        };
        if meta.is_file() && (self.is_noted(digest, &meta) || self.is_right(digest, &meta).map_err(failed)?) {
            return Ok(Some(meta.len()));
        }
        self.warn(format!("blob {digest} is damaged and is not used"));
        if self.is_writable() {
            self.quarantine(&path, &digest.hex());
        }
        Ok(None)
    }

    /// Hashes the blob whose file is `meta`, and notes it if it is right.
    fn is_right(&self, digest: Digest, meta: &Metadata) -> io::Result<bool> {
        let path = self.blob_path(digest);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = Box::new(File::from(open(&path, flags, Mode::empty())?));
        let reader = BlobReader::new(file, &descriptor("", digest, meta.len()));
        match io::copy(&mut BufReader::with_capacity(1 << 17, reader), &mut io::sink()) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(false),
            copied => copied?,
        };
        let after = path.symlink_metadata()?;
        if state(&after) == state(meta) {
            self.note_sound(digest, &after);
        }
        Ok(true)
    }

    /// Notes that a blob is right, as long as its file has this metadata.
    pub(crate) fn note_sound(&self, digest: Digest, meta: &Metadata) {
        if self.is_writable() {
            // Without the note, the blob is only hashed again.
            let _ = std::fs::write(self.note_path(digest), self.note(meta));
        }
    }

    /// A change within the tick of the file system's clock in which the note was written would leave no trace,
    /// so a note counts only if it is younger than the blob's last change.
    fn is_noted(&self, digest: Digest, blob: &Metadata) -> bool {
        let path = self.note_path(digest);
        let Ok(note) = path.symlink_metadata() else { return false };
        let younger = (note.mtime(), note.mtime_nsec()) > (blob.ctime(), blob.ctime_nsec());
        let text = || std::fs::read_to_string(&path).unwrap_or_default();
        younger && self.notes(blob).contains(&text())
    }

    /// The texts of the notes that are valid for a blob in this state.
    pub(crate) fn notes(&self, blob: &Metadata) -> [String; 2] {
        [state(blob) + "\n", self.note(blob)]
    }

    /// A blob that is not synced is right only until the machine stops, so its note names this boot.
    fn note(&self, meta: &Metadata) -> String {
        match self.options().sync {
            true => state(meta) + "\n",
            false => format!("{} {}\n", state(meta), write::boot_id()),
        }
    }

    fn note_path(&self, digest: Digest) -> PathBuf {
        self.path().join("verified").join(digest.hex())
    }
}

fn state(meta: &Metadata) -> String {
    format!("{} {} {}.{:09}", meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store, store::fixture};
    use std::time::{Duration, SystemTime};

    /// A store that believes a note of a blob whose bytes are others, because the note is a second younger.
    fn fooled(options: Options) -> (tempfile::TempDir, Store, Descriptor) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), options).unwrap();
        let blob = store.put(b"abcdef", "x").unwrap();
        let path = store.blob_path(blob.digest);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"abcdeg").unwrap();
        store.note_sound(blob.digest, &path.metadata().unwrap());
        set_time(&store, &blob, SystemTime::now() + Duration::from_secs(1));
        (dir, store, blob)
    }

    fn set_time(store: &Store, blob: &Descriptor, time: SystemTime) {
        let note = File::options().write(true).open(store.note_path(blob.digest)).unwrap();
        note.set_modified(time).unwrap();
    }

    #[test]
    fn a_note_counts_for_one_state_of_the_file_and_only_if_it_is_younger() {
        let (_dir, store, blob) = fooled(Options::default());
        assert!(store.has_blob(&blob).unwrap());
        let changed = store.blob_path(blob.digest).metadata().unwrap();
        let changed = SystemTime::UNIX_EPOCH
            + Duration::new(changed.ctime().cast_unsigned(), changed.ctime_nsec().try_into().unwrap());
        set_time(&store, &blob, changed);
        assert!(!store.has_blob(&blob).unwrap(), "the file may have changed in the same tick");
        let (_dir, store, blob) = fooled(Options::default());
        std::fs::write(store.note_path(blob.digest), "1 6 1.000000000\n").unwrap();
        assert!(!store.has_blob(&blob).unwrap(), "another file");
    }

    #[test]
    fn what_was_not_synced_is_hashed_again_after_the_machine_stopped() {
        let (_dir, store, blob) = fooled(Options { sync: false, ..Options::default() });
        assert!(store.has_blob(&blob).unwrap());
        let note = std::fs::read_to_string(store.note_path(blob.digest)).unwrap();
        let other = note.replace(write::boot_id(), "another-boot");
        assert_ne!(note, other);
        std::fs::write(store.note_path(blob.digest), other).unwrap();
        set_time(&store, &blob, SystemTime::now() + Duration::from_secs(1));
        assert!(!store.has_blob(&blob).unwrap());
    }

    #[test]
    fn a_wrong_length_is_the_descriptors_fault_when_the_digest_is_right() {
        let (_dir, store) = fixture();
        let blob = store.put(b"abcdef", "x").unwrap();
        assert!(!store.has_blob(&Descriptor { size: 7, ..blob.clone() }).unwrap());
        assert!(store.has_blob(&blob).unwrap());
    }

    #[test]
    fn a_store_opened_for_reading_is_not_written() {
        let (_dir, store) = fixture();
        let blob = store.put(b"abcdef", "x").unwrap();
        std::fs::remove_file(store.note_path(blob.digest)).unwrap();
        let reader = Store::open_existing(store.path(), Options::default()).unwrap();
        assert!(reader.has_blob(&blob).unwrap());
        std::fs::remove_file(store.blob_path(blob.digest)).unwrap();
        std::fs::write(store.blob_path(blob.digest), b"abcdeg").unwrap();
        assert!(!reader.has_blob(&blob).unwrap());
        assert!(store.blob_path(blob.digest).exists() && !store.note_path(blob.digest).exists());
    }
}
