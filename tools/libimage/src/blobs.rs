//! The blobs of an image, each once, as a registry, a store or a node keeps them. Only the manifest is read.

use libstore::Image;
use libwire::Digest;
use std::collections::BTreeMap;

/// The blobs of an image and their bytes: layers, config and manifest.
pub fn blobs(image: &Image) -> BTreeMap<Digest, u64> {
    let config = &image.manifest.config;
    let small = [(image.descriptor.digest, image.descriptor.size), (config.digest, config.size)];
    layers(image).into_iter().chain(small).collect()
}

/// The layers of an image and their bytes.
pub fn layers(image: &Image) -> BTreeMap<Digest, u64> {
    image.manifest.layers.iter().map(|layer| (layer.digest, layer.size)).collect()
}
