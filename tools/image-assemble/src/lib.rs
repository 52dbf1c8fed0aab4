//! Makes an image from a build's records: config, manifest and names.
//!
//! It reads build-record(5), and writes two small blobs and a reference. It never opens a layer or a tree, and
//! decides nothing that is not in a record.

mod collect;
mod report;

pub use report::metadata;

pub use collect::Build;
use libcli::Failure;
use libstore::{BlobWriter, Image, Store, StoreError, check_config};
use libwire::Platform;
use libwire::Reference;
use libwire::image::{Descriptor, ImageConfig, MEDIA_CONFIG, MEDIA_LAYER, MEDIA_MANIFEST, Manifest};
use libwire::record::Layer;
use libwire::time::{LAST_SECOND, rfc3339};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};

/// The caller's options.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names for the image.
    pub tags: Vec<Reference>,
    /// Labels, which replace those of the Dockerfile.
    pub labels: Vec<(String, String)>,
    /// The image's creation time in Unix seconds, instead of the time of its last step.
    pub epoch: Option<i64>,
}

/// Reads records. Each input has its name for messages. The image is that of the stage with the last base record.
pub fn read<'a, R: BufRead>(inputs: impl IntoIterator<Item = (&'a str, R)>) -> Result<Build, Failure> {
    collect::collect(inputs)
}

/// Assembles the stage, durably, and names the image.
pub fn assemble(build: &Build, store: &Store, options: &Options) -> Result<Image, Failure> {
    let layers = build.layers(store)?;
    let config = config_of(build, &layers, options)?;
    let image = write(store, config, layers)?;
    store.tag_all(&options.tags, &image.descriptor)?;
    store.keep_provenance(image.descriptor.digest, &options.tags, &build.provenance);
    Ok(image)
}

/// The bytes that a pull of an image transfers: manifest, config and layers. A layer that it has twice comes once.
pub fn pulled(image: &Image) -> u64 {
    let Image { descriptor, manifest, .. } = image;
    let blobs: BTreeMap<_, u64> = manifest.layers.iter().map(|layer| (layer.digest, layer.size)).collect();
    descriptor.size + manifest.config.size + blobs.values().sum::<u64>()
}

/// Checks that the stage makes an image, and that its layers are in the store. Makes no image.
pub fn check(build: &Build, store: &Store, options: &Options) -> Result<(), Failure> {
    config_of(build, &build.layers(store)?, options).map(drop)
}

fn config_of(build: &Build, layers: &[Layer], options: &Options) -> Result<ImageConfig, Failure> {
    let mut config = build.config.clone();
    config.rootfs.diff_ids = layers.iter().map(|layer| layer.diff_id).collect();
    config.config.labels.extend(options.labels.iter().cloned());
    if let Some(epoch) = options.epoch {
        if epoch > LAST_SECOND {
            return Err(Failure::usage(format!("{epoch} is beyond the year 9999")));
        }
        config.created = Some(rfc3339(epoch.saturating_mul(1000)));
    } else if config.created.is_none() {
        config.created = config.history.last().and_then(|entry| entry.created.clone());
    }
    if config.architecture.is_empty() || config.os.is_empty() {
        let host = Platform::host();
        (config.architecture, config.os, config.variant) = (host.architecture, host.os, host.variant);
    }
    check_config(&config)?;
    let (accounted, layers) = (config.layers_in_history(), layers.len());
    match config.history.is_empty() || accounted == layers {
        true => Ok(config),
        false => {
            let parting = build.parting.as_ref().map(|parting| format!(": {parting}")).unwrap_or_default();
            let what =
                format!("its history accounts for {accounted} layers, but there are {layers}{parting}");
            Err(Failure::bad_input("config", what))
        }
    }
}

fn write(store: &Store, config: ImageConfig, layers: Vec<Layer>) -> Result<Image, Failure> {
    let config_blob = json_blob(store, &config)?;
    let layers = layers.into_iter().map(|layer| in_oci_words(layer.descriptor)).collect();
    let manifest = Manifest::new(describe(&config_blob, MEDIA_CONFIG), layers);
    let manifest_blob = json_blob(store, &manifest)?;
    let mut descriptor = describe(&manifest_blob, MEDIA_MANIFEST);
    descriptor.platform = Some(Platform::of_config(&config));
    // One sync for everything that this build left unsettled, and for these two.
    let batch = vec![(config_blob, MEDIA_CONFIG.to_owned()), (manifest_blob, MEDIA_MANIFEST.to_owned())];
    store.commit_and_settle(batch)?;
    Ok(Image { descriptor, manifest, config })
}

fn json_blob(store: &Store, value: &impl Serialize) -> Result<BlobWriter, StoreError> {
    let cannot = || StoreError::io("cannot write a blob");
    // Written in one piece, because serde_json writes each quotation mark separately.
    let bytes = serde_json::to_vec(value).map_err(|error| cannot()(error.into()))?;
    let mut blob = store.blob_writer()?;
    blob.write_all(&bytes).map_err(cannot())?;
    Ok(blob)
}

fn describe(blob: &BlobWriter, media_type: &str) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: blob.digest(),
        size: blob.size(),
        annotations: BTreeMap::new(),
        platform: None,
        extra: BTreeMap::new(),
    }
}

/// Replaces docker's media types, which a base image may have, because an OCI manifest must not have them.
fn in_oci_words(layer: Descriptor) -> Descriptor {
    let suffix = match layer.media_type.strip_prefix("application/vnd.docker.image.rootfs.diff.tar") {
        None => return layer,
        Some(suffix) => suffix.replace('.', "+"),
    };
    Descriptor { media_type: format!("{MEDIA_LAYER}{suffix}"), ..layer }
}

#[cfg(test)]
mod tests;
