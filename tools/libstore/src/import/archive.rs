//! A tar with images in it as a source. It is read once, from a pipe too, so its files are spooled into
//! nameless files of the store, which become blobs without another copy.

use super::{Documents, Source, check_layout, parse_index};
use crate::blob::BlobWriter;
use crate::decompress::{Compression, Decoder};
use crate::error::StoreError;
use crate::store::Store;
use libtree::root::{components, split};
use libtree::tar::{EntryKind, Limits, Reader, TarError};
use libwire::guess;
use libwire::image::{Descriptor, Index};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

/// The expected input, and the programs that write it.
pub const ARCHIVE: &str = "an archive, which image-save, docker save and podman save make";
/// The bytes of the input by which it is recognised.
const START: u64 = 1 << 9;
/// Files up to this length are kept in memory, up to [`MAX_SMALL`] in all.
const SMALL: u64 = 1 << 16;
const MAX_SMALL: u64 = 64 << 20;
/// The most files that are spooled, because each is an open file.
const MAX_FILES: usize = 800;
/// The most links that may lead from one to the next.
const MAX_LINKS: usize = 8;

pub(super) enum File {
    Small(Vec<u8>),
    Large(Box<BlobWriter>),
}

pub(super) struct Archive {
    store: Store,
    files: BTreeMap<Vec<u8>, File>,
    links: BTreeMap<Vec<u8>, Vec<u8>>,
    small: u64,
    large: usize,
}

fn bad(what: impl Into<String>) -> StoreError {
    StoreError::invalid("archive", what)
}

/// The error of a missing next entry. If the input is `no_archive`, the kind of the input is the better reason.
fn refused(error: TarError, no_archive: Option<&str>) -> StoreError {
    match (no_archive, read_error(error)) {
        (Some(found), StoreError::Invalid { .. }) => bad(format!("{found}; expected {ARCHIVE}")),
        (_, error) => error,
    }
}

fn read_error(error: TarError) -> StoreError {
    match error {
        TarError::Io(error) if error.raw_os_error().is_some() => {
            StoreError::io("cannot read the archive")(error)
        }
        other => bad(other.to_string()),
    }
}

impl Archive {
    pub(super) fn spool(store: &Store, mut input: impl Read + Send + 'static) -> Result<Self, StoreError> {
        let mut start = Vec::new();
        let read = input.by_ref().take(START).read_to_end(&mut start);
        read.map_err(StoreError::io("cannot read the archive"))?;
        let no_archive = guess::no_archive(&start);
        let (decoder, compression) = Decoder::detect(io::Cursor::new(start).chain(input))
            .map_err(StoreError::io("cannot read the archive"))?;
        // An uncompressed archive has whole layers, and cannot unpack to more than its size.
        let limits = match compression {
            Compression::None => Limits::NONE,
            _ => store.options().limits,
        };
        let mut tar = Reader::new(BufReader::with_capacity(1 << 18, decoder)).limited(limits);
        let mut archive =
            Self { store: store.clone(), files: BTreeMap::new(), links: BTreeMap::new(), small: 0, large: 0 };
        while let Some(entry) = tar.next_entry().map_err(|error| refused(error, no_archive.as_deref()))? {
            let path = normal(b"", &entry.path);
            match entry.kind {
                EntryKind::File => archive.add(path, entry.size, &mut tar.body())?,
                // Older docker archives link equal layers: relative to the link, or to the archive's root.
                EntryKind::Symlink => {
                    drop(archive.links.insert(path.clone(), normal(split(&path).0, &entry.link)))
                }
                EntryKind::Hardlink => drop(archive.links.insert(path, normal(b"", &entry.link))),
                EntryKind::Dir => {}
                _ => {
                    return Err(bad(format!(
                        "has a device or fifo, {:?}",
                        String::from_utf8_lossy(&entry.path)
                    )));
                }
            }
        }
        // Reads to the end, where a cut or damaged compression shows.
        tar.drain().map_err(read_error)?;
        Ok(archive)
    }

    fn add(&mut self, path: Vec<u8>, size: u64, body: &mut dyn Read) -> Result<(), StoreError> {
        let bad_size = |what| bad(format!("{:?} unpacks to {what}", String::from_utf8_lossy(&path)));
        self.store.options().limits.check(size, 0).map_err(bad_size)?;
        let file = match size <= SMALL {
            true => {
                let mut bytes = Vec::new();
                body.read_to_end(&mut bytes).map_err(|error| read_error(error.into()))?;
                self.small += size;
                File::Small(bytes)
            }
            false => {
                let mut blob = self.store.blob_writer()?;
                io::copy(body, &mut blob).map_err(|error| read_error(error.into()))?;
                self.large += 1;
                File::Large(Box::new(blob))
            }
        };
        if self.small > MAX_SMALL || self.large > MAX_FILES || self.files.len() > 100 * MAX_FILES {
            return Err(bad("has more files than any image archive"));
        }
        self.files.insert(path, file);
        Ok(())
    }

    /// The layout's index, if the archive is a layout.
    pub(super) fn index(&self) -> Result<Option<Index>, StoreError> {
        let (Some(layout), Some(index)) = (self.small(b"oci-layout"), self.small(b"index.json")) else {
            return Ok(None);
        };
        check_layout(layout)?;
        parse_index("index.json", index).map(Some)
    }

    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.files.contains_key(&self.follow(path))
    }

    /// Reads a file that is always small.
    pub(super) fn small(&self, path: &[u8]) -> Option<&[u8]> {
        match self.files.get(&self.follow(path)) {
            Some(File::Small(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The bytes of a file; `None` if there is no such file.
    pub(super) fn read_path(&self, path: &[u8], limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self.files.get(&self.follow(path)) {
            None => Ok(None),
            Some(File::Small(bytes)) => Ok(Some(bytes.clone())),
            Some(File::Large(blob)) if blob.size() > limit => {
                Err(bad(format!("{:?} is larger than {limit} bytes", String::from_utf8_lossy(path))))
            }
            Some(File::Large(blob)) => {
                let mut bytes = Vec::new();
                let read = blob.reread().and_then(|mut file| file.read_to_end(&mut bytes));
                read.map_err(StoreError::io("cannot read back a file of the archive"))?;
                Ok(Some(bytes))
            }
        }
    }

    /// Takes a file as a blob that can be committed.
    pub(super) fn take_path(&mut self, path: &[u8]) -> Result<Option<BlobWriter>, StoreError> {
        match self.files.remove(&self.follow(path)) {
            None => Ok(None),
            Some(File::Large(blob)) => Ok(Some(*blob)),
            Some(File::Small(bytes)) => {
                let mut blob = self.store.blob_writer()?;
                io::Write::write_all(&mut blob, &bytes).map_err(StoreError::io("cannot write a blob"))?;
                Ok(Some(blob))
            }
        }
    }

    /// The path that links lead to from `path`.
    pub(super) fn follow(&self, path: &[u8]) -> Vec<u8> {
        let mut path = normal(b"", path);
        for _ in 0..MAX_LINKS {
            match self.links.get(&path) {
                Some(target) => path.clone_from(target),
                None => break,
            }
        }
        path
    }
}

fn blob_path(descriptor: &Descriptor) -> Vec<u8> {
    format!("blobs/sha256/{}", descriptor.digest.hex()).into_bytes()
}

impl Documents for Archive {
    fn read(&mut self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, StoreError> {
        let place = format!("blob {}", descriptor.digest);
        let bytes = self.read_path(&blob_path(descriptor), limit)?;
        let bytes = bytes.ok_or_else(|| StoreError::invalid(&place, "is missing from the archive"))?;
        let found = libwire::Digest::of(&bytes);
        match found == descriptor.digest && bytes.len() as u64 == descriptor.size {
            true => Ok(bytes),
            false => {
                Err(StoreError::invalid(place, format!("has {} bytes with the digest {found}", bytes.len())))
            }
        }
    }
}

impl Source for Archive {
    fn take(&mut self, descriptor: &Descriptor) -> Result<BlobWriter, StoreError> {
        let missing =
            || StoreError::invalid(format!("blob {}", descriptor.digest), "is missing from the archive");
        let blob = self.take_path(&blob_path(descriptor))?.ok_or_else(missing)?;
        blob.check(descriptor)?;
        Ok(blob)
    }
}

/// `path` as seen from `dir`, without `.`, `..` and slashes at its ends.
fn normal(dir: &[u8], path: &[u8]) -> Vec<u8> {
    let start = if path.starts_with(b"/") { &b""[..] } else { dir };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in components(start).chain(components(path)) {
        match part {
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}
