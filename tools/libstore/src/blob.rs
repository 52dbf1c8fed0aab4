//! Blobs: files whose name is the SHA-256 of their bytes.

use crate::error::{StoreError, no_room};
use crate::lease::Held;
use crate::store::Store;
use crate::write::{self, Temp};
use libtree::holes::{ZEROS, is_zero, leave_hole};
use libwire::Digest;
use libwire::image::Descriptor;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// The largest index.json, manifest or config accepted, in bytes.
pub(crate) const MAX_JSON: u64 = 4 << 20;
/// For this many files or more, one syncfs(2) costs less than a sync of each.
const BATCH: usize = 4;

/// A blob being written. Dropped without [`BlobWriter::commit`], it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    temp: Temp,
    hasher: Sha256,
    size: u64,
}

impl BlobWriter {
    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of the bytes written so far.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(self.hasher.clone().finalize().into())
    }

    /// Makes the blob durable and names it. A blob of that name that is there already is kept.
    pub fn commit(self, media_type: &str) -> Result<Descriptor, StoreError> {
        let store = self.store.clone();
        let mut committed = store.commit_all(vec![(self, media_type.to_owned())])?;
        committed.pop().ok_or_else(|| StoreError::missing("the blob"))
    }

    /// As [`BlobWriter::commit`], but refuses bytes that do not match `expected`.
    pub fn commit_as(self, expected: &Descriptor) -> Result<Descriptor, StoreError> {
        self.check(expected)?;
        self.commit(&expected.media_type)
    }

    pub(crate) fn check(&self, expected: &Descriptor) -> Result<(), StoreError> {
        let place = format!("blob {}", expected.digest);
        if self.size != expected.size {
            return Err(StoreError::invalid(
                place,
                format!("has {} bytes, but its descriptor says {}", self.size, expected.size),
            ));
        }
        match self.digest() == expected.digest {
            true => Ok(()),
            false => Err(StoreError::invalid(place, format!("has the digest {}", self.digest()))),
        }
    }

    /// Reads back the bytes written so far.
    pub(crate) fn reread(&self) -> io::Result<File> {
        // Through /proc, for an own offset.
        use std::os::fd::AsRawFd;
        File::open(format!("/proc/self/fd/{}", self.temp.file.as_raw_fd()))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An uncompressed layer may have holes, which need not be written.
        let written = match bytes.len() >= ZEROS.len() && is_zero(bytes) {
            true => leave_hole(&mut self.temp.file, bytes.len()).map(|()| bytes.len()),
            false => self.temp.file.write(bytes),
        };
        let written = written.map_err(|error| no_room(error, self.store.path()))?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Store {
    /// Begins a blob.
    pub fn blob_writer(&self) -> Result<BlobWriter, StoreError> {
        Ok(BlobWriter { store: self.clone(), temp: self.temp()?, hasher: Sha256::new(), size: 0 })
    }

    /// Stores `bytes` durably.
    pub fn put(&self, bytes: &[u8], media_type: &str) -> Result<Descriptor, StoreError> {
        let mut blob = self.blob_writer()?;
        blob.write_all(bytes).map_err(StoreError::io("cannot write a blob"))?;
        blob.commit(media_type)
    }

    /// Names several blobs at the cost of one sync, in their order.
    pub fn commit_all(&self, blobs: Vec<(BlobWriter, String)>) -> Result<Vec<Descriptor>, StoreError> {
        self.commit_batch(blobs, false)
    }

    /// As [`Store::commit_all`] and [`Store::settle`], with the one sync that both need.
    pub fn commit_and_settle(&self, blobs: Vec<(BlobWriter, String)>) -> Result<Vec<Descriptor>, StoreError> {
        let unsettled = self.unsettled();
        let descriptors = self.commit_batch(blobs, !unsettled.is_empty())?;
        if self.options().sync {
            self.mark_settled(&unsettled);
        }
        Ok(descriptors)
    }

    fn commit_batch(
        &self,
        blobs: Vec<(BlobWriter, String)>,
        whole: bool,
    ) -> Result<Vec<Descriptor>, StoreError> {
        let is_fresh = |(blob, _): &(BlobWriter, _)| Ok(self.sound_blob(blob.digest())?.is_none());
        let fresh = blobs.iter().map(is_fresh).collect::<Result<Vec<bool>, StoreError>>()?;
        let count = fresh.iter().filter(|fresh| **fresh).count();
        let whole = whole || count > BATCH;
        if self.options().sync && whole {
            write::sync_all(self.path())?;
        }
        let (mut descriptors, mut named) = (Vec::new(), Vec::new());
        for ((blob, media_type), fresh) in blobs.into_iter().zip(fresh) {
            let digest = blob.digest();
            descriptors.push(descriptor(&media_type, digest, blob.size));
            if fresh {
                named.extend(self.name_blob(blob, !whole)?.map(|file| (digest, file)));
            }
        }
        if count > 0 {
            self.sync_dir("blobs/sha256")?;
        }
        for (digest, blob) in named {
            let meta = blob.file.metadata().map_err(StoreError::io(format!("cannot read blob {digest}")))?;
            self.note_sound(digest, &meta);
        }
        Ok(descriptors)
    }

    /// `None`: another process has named the same blob meanwhile.
    fn name_blob(&self, mut blob: BlobWriter, sync: bool) -> Result<Option<Temp>, StoreError> {
        let digest = blob.digest();
        let what = format!("cannot store blob {digest}");
        let mode = std::fs::Permissions::from_mode(0o444);
        blob.temp.file.set_permissions(mode).map_err(StoreError::io(&what))?;
        if sync {
            self.sync_file(&blob.temp.file, &what)?;
        }
        let path = self.blob_path(digest);
        if self.hold(Held::Blob(digest), || blob.temp.link(&path))?.map_err(StoreError::io(&what))? {
            return Ok(Some(blob.temp));
        }
        match self.sound_blob(digest)? {
            Some(_) => Ok(None),
            None => {
                Err(StoreError::corrupt(format!("blob {digest}"), "another one takes its place; build again"))
            }
        }
    }

    /// The path that a blob has, or would have.
    pub fn blob_path(&self, digest: Digest) -> PathBuf {
        self.path().join("blobs/sha256").join(digest.hex())
    }

    /// Opens a blob for one read from start to end, which verifies it: see [`BlobReader`].
    pub fn open_blob(&self, descriptor: &Descriptor) -> Result<BlobReader, StoreError> {
        let what = format!("blob {}", descriptor.digest);
        let file = match File::open(self.blob_path(descriptor.digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::missing(what)),
            Err(error) => return Err(StoreError::io(format!("cannot open {what}"))(error)),
        };
        let length = file.metadata().map_err(StoreError::io(format!("cannot read {what}")))?.len();
        match length == descriptor.size {
            true => {
                let reader = BlobReader::new(Box::new(file), descriptor);
                Ok(BlobReader { store: Some(self.clone()), ..reader })
            }
            false => Err(StoreError::corrupt(what, format!("{length} bytes instead of {}", descriptor.size))),
        }
    }

    /// As [`Store::open_blob`], as a boxed reader.
    pub(crate) fn open_boxed(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, StoreError> {
        Ok(Box::new(self.open_blob(descriptor)?))
    }

    /// Reads all of a small blob, and verifies it.
    pub fn read_blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, StoreError> {
        let place = format!("blob {}", descriptor.digest);
        if descriptor.size > limit {
            return Err(StoreError::invalid(place, format!("is larger than {limit} bytes")));
        }
        let mut bytes = Vec::new();
        match self.open_blob(descriptor)?.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(StoreError::corrupt(place, error.to_string()))
            }
            Err(error) => Err(StoreError::io(format!("cannot read {place}"))(error)),
        }
    }
}

/// Reads a blob and checks its length and digest: the read that would report the end fails, with
/// [`io::ErrorKind::InvalidData`], when the bytes were not those asked for. Read it to its end.
pub struct BlobReader {
    input: Box<dyn Read + Send>,
    hasher: Sha256,
    digest: Digest,
    left: u64,
    /// The store that vouched for these bytes.
    store: Option<Store>,
}

impl BlobReader {
    pub(crate) fn new(input: Box<dyn Read + Send>, expected: &Descriptor) -> Self {
        Self { input, hasher: Sha256::new(), digest: expected.digest, left: expected.size, store: None }
    }

    /// Moves the blob away, so that its name is free for a new one, and returns the error.
    fn bad(&self, what: String) -> io::Error {
        if let Some(store) = &self.store {
            store.quarantine(&store.blob_path(self.digest), &self.digest.hex());
        }
        io::Error::new(io::ErrorKind::InvalidData, what)
    }

    fn end(&mut self) -> io::Result<usize> {
        if self.input.read(&mut [0])? != 0 {
            return Err(self.bad(format!("blob {} is longer than its descriptor says", self.digest)));
        }
        let found = Digest::from_bytes(self.hasher.clone().finalize().into());
        match found == self.digest {
            true => Ok(0),
            false => Err(self.bad(format!("blob {} has the digest {found}", self.digest))),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return self.end();
        }
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.input.read(&mut buffer[..want])?;
        if read == 0 {
            return Err(self.bad(format!("blob {} is {} bytes short", self.digest, self.left)));
        }
        self.hasher.update(&buffer[..read]);
        self.left -= read as u64;
        Ok(read)
    }
}

pub(crate) fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size,
        annotations: Default::default(),
        platform: None,
        extra: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture as store;

    #[test]
    fn a_blob_is_named_by_its_bytes_read_only_and_kept_when_written_again() {
        let (_dir, store) = store();
        let descriptor = store.put(b"abc", "text/plain").unwrap();
        assert_eq!(descriptor, store.put(b"abc", "text/plain").unwrap());
        assert_eq!(descriptor.digest, Digest::of(b"abc"));
        assert_eq!(store.read_blob(&descriptor, 10).unwrap(), b"abc");
        let meta = store.blob_path(descriptor.digest).metadata().unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o444);
    }

    #[test]
    fn many_blobs_are_committed_at_once() {
        let (_dir, store) = store();
        let mut blobs = Vec::new();
        for n in 0..10u8 {
            let mut blob = store.blob_writer().unwrap();
            blob.write_all(&[n % 8]).unwrap();
            blobs.push((blob, "text/plain".to_owned()));
        }
        let descriptors = store.commit_all(blobs).unwrap();
        assert!(descriptors.iter().all(|descriptor| store.has_blob(descriptor).unwrap()));
        assert_eq!(descriptors[9].digest, Digest::of(&[1]));
    }

    #[test]
    fn an_uncommitted_or_wrong_blob_leaves_nothing() {
        let (_dir, store) = store();
        let mut blob = store.blob_writer().unwrap();
        blob.write_all(b"abc").unwrap();
        let mut expected = descriptor("text/plain", Digest::of(b"abd"), 3);
        assert!(blob.commit_as(&expected).is_err());
        expected.size = 2;
        assert!(store.blob_writer().unwrap().commit_as(&expected).is_err());
        for dir in ["blobs/sha256", "tmp"] {
            assert_eq!(std::fs::read_dir(store.path().join(dir)).unwrap().count(), 0);
        }
    }

    #[test]
    fn any_flipped_or_missing_byte_is_found_and_good_bytes_heal_a_short_blob() {
        let (_dir, store) = store();
        let descriptor = store.put(b"abcdef", "text/plain").unwrap();
        let path = store.blob_path(descriptor.digest);
        for damage in [&b"abcdeg"[..], b"abcde", b"abcdefg", b""] {
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, damage).unwrap();
            assert!(store.read_blob(&descriptor, 100).is_err(), "{damage:?}");
        }
        store.put(b"abcdef", "text/plain").unwrap();
        assert_eq!(store.read_blob(&descriptor, 100).unwrap(), b"abcdef");
    }

    #[test]
    fn a_flipped_blob_is_put_aside_so_that_it_can_be_made_again() {
        let (_dir, store) = store();
        let descriptor = store.put(b"abcdef", "text/plain").unwrap();
        std::fs::remove_file(store.blob_path(descriptor.digest)).unwrap();
        std::fs::write(store.blob_path(descriptor.digest), "abcdeg").unwrap();
        assert!(store.read_blob(&descriptor, 100).is_err());
        assert!(!store.has_blob(&descriptor).unwrap());
    }
}
