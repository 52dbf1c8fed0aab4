//! A layer's tar for those who only look at it: nothing is unpacked.

use super::{Layer, feed, read_error};
use crate::{Store, StoreError};
use libtree::tar::TarError;
use libwire::Digest;
use libwire::image::Descriptor;
use std::io::{self, Read};

impl Store {
    /// Gives `read` the uncompressed tar of the layer `descriptor`, reads what it left, and verifies blob and
    /// diff ID: the result counts only then. Gives also the tar's length in bytes.
    pub fn read_layer<T>(
        &self,
        descriptor: &Descriptor,
        diff_id: Digest,
        read: impl FnOnce(&mut dyn Read) -> Result<T, TarError>,
    ) -> Result<(T, u64), StoreError> {
        let place = format!("layer {}", descriptor.digest);
        let layer = Layer { id: String::new(), diff_id, descriptor };
        let open = |descriptor: &Descriptor| self.open_blob(descriptor);
        std::thread::scope(|scope| {
            let mut input = Counted { input: feed::start(scope, &open, &layer), bytes: 0 };
            let result = read(&mut input).map_err(|error| match error {
                TarError::Io(error) => read_error(&place, error),
                bad => StoreError::invalid(&place, bad.to_string()),
            })?;
            io::copy(&mut input, &mut io::sink()).map_err(|error| read_error(&place, error))?;
            Ok((result, input.bytes))
        })
    }
}

struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use crate::store::fixture;
    use libwire::Digest;
    use libwire::image::MEDIA_LAYER;

    #[test]
    fn a_layer_is_read_to_its_end_and_verified_whatever_its_reader_does() {
        let (_dir, store) = fixture();
        let layer = store.put(&[0; 1024], MEDIA_LAYER).unwrap();
        let read = |diff_id| store.read_layer(&layer, diff_id, |_| Ok(7));
        assert_eq!(read(layer.digest).unwrap(), (7, 1024));
        assert!(read(Digest::of(b"other")).unwrap_err().to_string().contains("diff ID"));
    }
}
