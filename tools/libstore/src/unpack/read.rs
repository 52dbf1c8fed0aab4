//! Reads a layer's tar without unpacking it.

use super::{Layer, feed, read_error};
use crate::error::StoreError;
use crate::store::Store;
use libtree::tar::TarError;
use libwire::Digest;
use libwire::image::Descriptor;
use std::io::{self, Read};

/// The uncompressed bytes after which the position in the blob is noted: few enough that the bytes in between compress
/// alike, and enough that decompression is not slower.
const STEP: usize = 1 << 12;

/// The uncompressed tar of a layer.
pub struct LayerTar {
    input: feed::Pieces,
    bytes: u64,
}

impl LayerTar {
    /// About how many bytes of the blob hold the bytes that were read so far. For gzip and for an uncompressed blob the
    /// error is a few hundred bytes; a Zstandard decoder reads blocks of 128 KiB at once.
    pub fn packed(&self) -> u64 {
        self.input.packed()
    }
}

impl Read for LayerTar {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl Store {
    /// Calls `read` with the uncompressed tar of the layer `descriptor`, reads the rest, and verifies blob and diff ID.
    /// The result only counts if these are right. Also returns the tar's length in bytes.
    pub fn read_layer<T>(
        &self,
        descriptor: &Descriptor,
        diff_id: Digest,
        read: impl FnOnce(&mut LayerTar) -> Result<T, TarError>,
    ) -> Result<(T, u64), StoreError> {
        let place = format!("layer {}", descriptor.digest);
        let layer = Layer { id: String::new(), diff_id, descriptor, limits: self.options().limits };
        let open = |descriptor: &Descriptor| self.open_boxed(descriptor);
        std::thread::scope(|scope| {
            let mut input = LayerTar { input: feed::start(scope, &open, &layer, STEP), bytes: 0 };
            let result = read(&mut input).map_err(|error| match error {
                TarError::Io(error) => read_error(&place, error),
                bad => StoreError::invalid(&place, bad.to_string()),
            })?;
            io::copy(&mut input, &mut io::sink()).map_err(|error| read_error(&place, error))?;
            Ok((result, input.bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::LayerTar;
    use crate::store::fixture;
    use libwire::Digest;
    use libwire::image::MEDIA_LAYER;
    use std::io::{Read, Write};

    #[test]
    fn a_layer_is_read_to_its_end_and_verified_whatever_its_reader_does() {
        let (_dir, store) = fixture();
        let layer = store.put(&[0; 1024], MEDIA_LAYER).unwrap();
        let read = |diff_id| store.read_layer(&layer, diff_id, |_| Ok(7));
        assert_eq!(read(layer.digest).unwrap(), (7, 1024));
        assert!(read(Digest::of(b"other")).unwrap_err().to_string().contains("diff ID"));
    }

    /// A mebibyte that does not compress, one that does, and the first again.
    fn uneven() -> Vec<u8> {
        let mut noise = vec![0; 1 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        [&noise[..], &[0; 1 << 20], &noise[..]].concat()
    }

    #[test]
    fn where_bytes_are_in_the_blob_is_told_within_a_hundred_bytes_of_them() {
        let (_dir, store) = fixture();
        let tar = uneven();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&tar).unwrap();
        for (blob, kind, zeros) in [
            (gzip.finish().unwrap(), "application/vnd.oci.image.layer.v1.tar+gzip", 1 << 10),
            (tar.clone(), MEDIA_LAYER, 1 << 20),
        ] {
            let layer = store.put(&blob, kind).unwrap();
            let read = |input: &mut LayerTar| {
                let mut at = vec![input.packed()];
                for bytes in [(1 << 20) - 500, 1000, (1 << 20) - 1000, 1000, (1 << 20) - 500] {
                    input.read_exact(&mut vec![0; bytes])?;
                    at.push(input.packed());
                }
                Ok(at.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>())
            };
            let (took, _) = store.read_layer(&layer, Digest::of(&tar), read).unwrap();
            let near = |took: u64, want: u64| took.abs_diff(want) <= 1 << 10;
            let half = if zeros == 1 << 20 { 1000 } else { 500 };
            for (took, want) in took.into_iter().zip([1 << 20, half, zeros, half, 1 << 20]) {
                assert!(near(took, want), "{kind}: {took}, not {want}");
            }
        }
    }
}
