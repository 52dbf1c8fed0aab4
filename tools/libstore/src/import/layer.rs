//! Recognises a layer by its bytes, so that an unusable one is refused before it is named.

use crate::blob::BlobWriter;
use crate::decompress::Compression;
use crate::error::StoreError;
use crate::store::Store;
use libwire::Digest;
use libwire::image::{Descriptor, MEDIA_LAYER};
use libwire::record::Layer;
use std::fs::File;
use std::io::{self, Read};

/// The compression of the layer in `blob`.
pub(super) fn compression(blob: &BlobWriter) -> Result<Compression, StoreError> {
    blob.reread().and_then(of_start).map_err(StoreError::io("cannot read back a layer"))
}

fn of_start(file: File) -> io::Result<Compression> {
    let mut start = Vec::new();
    file.take(6).read_to_end(&mut start)?;
    Ok(Compression::detect(&start))
}

/// Refuses a layer that is neither gzip, zstd nor a tar. The digest of a tar must be its diff ID. A compressed layer is
/// only checked when it is unpacked.
pub(super) fn check(layer: &Descriptor, compression: Compression, diff_id: Digest) -> Result<(), StoreError> {
    let bad = |what: String| Err(StoreError::invalid(format!("layer {}", layer.digest), what));
    match compression {
        Compression::Gzip | Compression::Zstd => Ok(()),
        Compression::None if layer.digest == diff_id => Ok(()),
        Compression::None => bad(format!(
            "its bytes are neither gzip nor zstd, nor the tar whose diff ID the config says, {diff_id}; its type is {:?}",
            layer.media_type
        )),
        Compression::Bzip2 | Compression::Xz => usable(compression).or_else(bad),
    }
}

/// Refuses a compression that layers can't have.
pub(super) fn usable(compression: Compression) -> Result<(), String> {
    match compression {
        Compression::None | Compression::Gzip | Compression::Zstd => Ok(()),
        Compression::Bzip2 | Compression::Xz => {
            Err(format!("is compressed by {compression:?}; layers are gzip, zstd or not compressed"))
        }
    }
}

impl Store {
    /// Whether the blob of a layer is here, and matches the layer's record. An error names a false statement of the
    /// record. The blob is not unpacked, so the diff ID of a compressed one is not checked. The media type is compared
    /// with the bytes if the record is `new`.
    pub fn has_layer(&self, layer: &Layer, new: bool) -> Result<bool, StoreError> {
        let Layer { descriptor, diff_id } = layer;
        let Descriptor { digest, size, media_type, .. } = descriptor;
        let Some(length) = self.sound_blob(*digest)? else { return Ok(false) };
        let found = match Compression::of_layer(media_type) {
            Some(told) if !new => told,
            _ => self.compression_of(descriptor)?,
        };
        let right = format!("{MEDIA_LAYER}{}", found.suffix());
        let wrong = if *size != length {
            format!("its size is told as {size} bytes, but the blob has {length}")
        } else if let Err(what) = usable(found) {
            what
        } else if Compression::of_layer(media_type) != Some(found) {
            format!("its media type is told as {media_type:?}, but by its bytes it is {right}")
        } else if found == Compression::None && digest != diff_id {
            format!("it is not compressed, so that its diff ID is its digest, but {diff_id} is told")
        } else if found != Compression::None && digest == diff_id {
            "its diff ID is told as the digest of what is compressed; it is that of the tar".into()
        } else {
            return Ok(true);
        };
        Err(StoreError::invalid(format!("layer {digest}"), wrong))
    }

    /// The compression of a layer in the store.
    pub(super) fn compression_of(&self, layer: &Descriptor) -> Result<Compression, StoreError> {
        let read = File::open(self.blob_path(layer.digest)).and_then(of_start);
        read.map_err(StoreError::io(format!("cannot read blob {}", layer.digest)))
    }

    /// The descriptor of a layer with the media type that its bytes have. It is unchanged if the type is right, or if
    /// the blob is not there.
    pub fn typed_by_bytes(&self, layer: Descriptor) -> Descriptor {
        match self.compression_of(&layer) {
            Ok(found) if Compression::of_layer(&layer.media_type) != Some(found) => {
                Descriptor { media_type: format!("{MEDIA_LAYER}{}", found.suffix()), ..layer }
            }
            _ => layer,
        }
    }
}
