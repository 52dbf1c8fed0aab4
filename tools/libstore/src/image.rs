//! An image: its manifest and config, read, verified and checked against each other.

use crate::config::check_config;
use crate::error::StoreError;
use libwire::image::{
    Descriptor, ImageConfig, MAX_LAYERS, MEDIA_INDEX, MEDIA_LAYER, MEDIA_MANIFEST, Manifest,
};
use serde::de::DeserializeOwned;
use std::io::{self, Read};

/// Docker's media type of a manifest.
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media types of layers that must not be distributed. They may be used where they are.
const FOREIGN: [&str; 2] = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];
/// Docker's media type of an index.
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's media type of a gzip layer.
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// An image of the store.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its manifest's descriptor; the digest names the image.
    pub descriptor: Descriptor,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its config.
    pub config: ImageConfig,
}

impl Image {
    /// Makes an image from its parsed manifest and its config's bytes.
    pub(crate) fn new(descriptor: Descriptor, manifest: Manifest, config: &[u8]) -> Result<Self, StoreError> {
        let config: ImageConfig = parse(&format!("config {}", manifest.config.digest), config)?;
        check_config(&config)?;
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            let what = format!("the manifest has {layers} layers, the config {diff_ids} diff IDs");
            return Err(StoreError::invalid(format!("image {}", descriptor.digest), what));
        }
        Ok(Self { descriptor, manifest, config })
    }
}

pub(crate) fn is_index(media_type: &str) -> bool {
    matches!(media_type, MEDIA_INDEX | DOCKER_INDEX)
}

pub(crate) fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, MEDIA_MANIFEST | DOCKER_MANIFEST)
}

pub(crate) fn is_layer(media_type: &str) -> bool {
    [MEDIA_LAYER, DOCKER_LAYER].iter().chain(&FOREIGN).any(|layer| media_type.starts_with(layer))
}

/// Parses a manifest, and refuses an ambiguous one.
pub(crate) fn parse_manifest(descriptor: &Descriptor, bytes: &[u8]) -> Result<Manifest, StoreError> {
    let place = format!("manifest {}", descriptor.digest);
    let bad = |what: String| StoreError::invalid(place.clone(), what);
    let manifest: Manifest = parse(&place, bytes)?;
    if manifest.schema_version != 2 {
        return Err(bad(format!("schemaVersion {} is not 2", manifest.schema_version)));
    }
    if manifest.extra.contains_key("manifests") {
        return Err(bad("is both a manifest and an index".into()));
    }
    if let Some(own) = manifest.media_type.as_deref().filter(|own| *own != descriptor.media_type) {
        return Err(bad(format!("says it is {own:?}, its descriptor {:?}", descriptor.media_type)));
    }
    if manifest.layers.len() > MAX_LAYERS {
        let count = manifest.layers.len();
        return Err(bad(format!(
            "has {count} layers; an image may have {MAX_LAYERS}, so build it with fewer"
        )));
    }
    for layer in &manifest.layers {
        if !is_layer(&layer.media_type) {
            return Err(bad(format!("has a layer of type {:?}, which is not known", layer.media_type)));
        }
    }
    Ok(manifest)
}

/// Parses JSON of an image.
pub(crate) fn parse<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::invalid(place, error.to_string()))
}

/// Reads all of `input`, which must have at most `limit` bytes.
pub(crate) fn read_limited(input: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {limit} bytes"))),
        false => Ok(bytes),
    }
}
