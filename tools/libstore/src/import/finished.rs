//! Imports a layer that another program packed.

use super::layer;
use crate::decompress::Decoder;
use crate::error::StoreError;
use crate::store::Store;
use crate::unpack::explain;
use libtree::extract::{ExtractError, check_layer};
use libtree::tar::Reader;
use libwire::Digest;
use libwire::image::MEDIA_LAYER;
use libwire::record::Layer;
use sha2::{Digest as _, Sha256};
use std::io::{self, BufReader, Read};

const PLACE: &str = "layer";
/// Bytes read at once.
const BUFFER: usize = 1 << 18;

impl Store {
    /// Reads a layer from `input`: a tar, or a tar in gzip or Zstandard. It becomes a blob if all of it is valid for
    /// readers of layers. Also returns the tar's length in bytes.
    pub fn put_layer(&self, input: impl Read) -> Result<(Layer, u64), StoreError> {
        let bad = |what: String| StoreError::invalid(PLACE, what);
        let limits = self.options().limits;
        let mut blob = self.blob_writer()?;
        io::copy(&mut input.take(limits.bytes.saturating_add(1)), &mut blob)
            .map_err(StoreError::io("cannot take the layer"))?;
        limits.check(blob.size(), 0).map_err(|what| bad(format!("it has {what}")))?;
        if blob.size() == 0 {
            return Err(bad("it is empty; even a layer of nothing is a tar of 1024 zeros".into()));
        }
        let compression = layer::compression(&blob)?;
        layer::usable(compression).map_err(bad)?;
        let again = blob.reread().map_err(StoreError::io("cannot read back a layer"))?;
        let decoder = Decoder::new(BufReader::with_capacity(BUFFER, again), compression)
            .map_err(|error| bad(error.to_string()))?;
        let hashed = Hashed { input: decoder, hasher: Sha256::new(), bytes: 0 };
        let mut tar = Reader::new(BufReader::with_capacity(BUFFER, hashed)).limited(limits);
        check_layer(&mut tar)
            .and_then(|_| tar.drain().map_err(ExtractError::from))
            .map_err(|error| explain(PLACE, error))?;
        let Hashed { hasher, bytes, .. } = tar.into_inner().into_inner();
        limits.check(bytes, 0).map_err(|what| bad(format!("it unpacks to {what}")))?;
        let descriptor = blob.commit(&format!("{MEDIA_LAYER}{}", compression.suffix()))?;
        Ok((Layer { descriptor, diff_id: Digest::from_bytes(hasher.finalize().into()) }, bytes))
    }
}

/// Hashes and counts what is read through it.
struct Hashed<R> {
    input: R,
    hasher: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;
    use crate::{Limits, Options};
    use libtree::tar::{Entry, EntryKind, Writer};

    fn tar(entries: &[(&str, EntryKind, &str)]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (path, kind, link) in entries {
            let entry = Entry { link: (*link).into(), ..Entry::new(*path, *kind) };
            writer.append(&entry, &mut io::empty()).unwrap();
        }
        writer.finish().unwrap().0
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_layer_is_typed_by_its_bytes_and_has_the_diff_id_of_its_tar() {
        let (_dir, store) = fixture();
        let tar =
            [tar(&[("a", EntryKind::Dir, ""), ("a/.wh.b", EntryKind::File, "")]), vec![0; 512]].concat();
        let zstd = zstd::encode_all(&tar[..], 1).unwrap();
        for (bytes, suffix) in [(tar.clone(), ""), (gzip(&tar), "+gzip"), (zstd, "+zstd")] {
            let (layer, size) = store.put_layer(&bytes[..]).unwrap();
            assert_eq!(layer.descriptor.media_type, format!("{MEDIA_LAYER}{suffix}"));
            assert_eq!((layer.diff_id, size), (Digest::of(&tar), tar.len() as u64));
            assert_eq!(store.read_blob(&layer.descriptor, 1 << 20).unwrap(), bytes);
        }
    }

    #[test]
    fn what_readers_would_refuse_leaves_no_blob() {
        let (dir, store) = fixture();
        let good = tar(&[("a", EntryKind::File, "")]);
        let limits = Limits { bytes: 2000, entries: 1 };
        let small = Store::open(&dir.path().join("s"), Options { limits, ..Options::default() }).unwrap();
        for (store, bytes, words) in [
            (&store, Vec::new(), "it is empty"),
            (&store, b"no tar at all".to_vec(), "layer:"),
            (&store, good[..700].to_vec(), "layer:"),
            (&store, gzip(&good)[..50].to_vec(), "layer:"),
            (&store, gzip(b"no tar"), "layer:"),
            (&store, b"BZh91AY".to_vec(), "Bzip2; layers are gzip, zstd or not compressed"),
            (&store, tar(&[("a/../../b", EntryKind::File, "")]), "by '..'"),
            (&store, tar(&[("a", EntryKind::Hardlink, "../b")]), "by '..'"),
            (&store, tar(&[(".", EntryKind::Fifo, "")]), "the root must be a directory"),
            (&store, tar(&[("a/.wh..", EntryKind::File, "")]), "reserved"),
            (&store, tar(&[("null", EntryKind::Char, "")]), "0:0"),
            (&small, vec![0; 3000], "--max-unpacked"),
            (&small, gzip(&vec![0; 3000]), "--max-unpacked"),
            (
                &small,
                tar(&[("a", EntryKind::Dir, ""), ("b", EntryKind::Dir, "")])[..2000].to_vec(),
                "--max-entries",
            ),
        ] {
            let error = store.put_layer(&bytes[..]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}, not {words}");
        }
        assert_eq!(std::fs::read_dir(store.path().join("blobs/sha256")).unwrap().count(), 0);
    }
}
