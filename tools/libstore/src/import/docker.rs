//! Imports the archives of `docker save` and `podman save`: manifest.json, configs, and layers as tars. The config is
//! kept byte for byte. Such an archive has no OCI manifest, so one is made here.

use super::{Imported, Select, archive::Archive, layer};
use crate::blob::{BlobWriter, MAX_JSON, descriptor};
use crate::decompress::Compression;
use crate::error::StoreError;
use crate::image::{Image, parse};
use crate::store::Store;
use libwire::image::{Descriptor, MEDIA_CONFIG, MEDIA_LAYER, MEDIA_MANIFEST, Manifest};
use libwire::{Digest, Reference};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

pub(super) fn import(
    store: &Store,
    archive: &mut Archive,
    select: &Select,
) -> Result<Vec<Imported>, StoreError> {
    let neither = || {
        StoreError::invalid(
            "archive",
            "is neither an OCI layout nor a docker archive: it has no index.json, no manifest.json",
        )
    };
    let bytes = archive.read_path(b"manifest.json", MAX_JSON)?.ok_or_else(neither)?;
    let entries: Vec<Entry> = parse("manifest.json", &bytes)?;
    let mut done = BTreeMap::new();
    let mut imported = Vec::new();
    for entry in entries {
        let tags = entry.repo_tags.clone().unwrap_or_default();
        let (mut names, mut left_out) = (Vec::new(), Vec::new());
        for tag in &tags {
            match Reference::parse(tag) {
                Ok(name) => names.push(name),
                Err(bad) => left_out.push(bad.to_string()),
            }
        }
        if select.name.as_ref().is_some_and(|wanted| !is_called(wanted, &tags, &names)) {
            continue;
        }
        let image = import_entry(store, archive, &entry, &mut done)?;
        if select.digest.is_none_or(|digest| image.descriptor.digest == digest) {
            imported.push(Imported { image, names, left_out });
        }
    }
    match imported.is_empty() {
        true => Err(StoreError::invalid("manifest.json", "has no image that was asked for")),
        false => Ok(imported),
    }
}

/// Whether an image is requested by its name, as written or in full, or by its tag.
fn is_called(wanted: &str, tags: &[String], names: &[Reference]) -> bool {
    let read = Reference::parse(wanted).ok();
    tags.iter().any(|tag| tag == wanted)
        || names.iter().any(|name| Some(name) == read.as_ref() || name.tag() == Some(wanted))
}

fn import_entry(
    store: &Store,
    archive: &mut Archive,
    entry: &Entry,
    done: &mut BTreeMap<Vec<u8>, Descriptor>,
) -> Result<Image, StoreError> {
    let missing = |path: &str| {
        StoreError::invalid("manifest.json", format!("names {path:?}, which is not in the archive"))
    };
    let config =
        archive.read_path(entry.config.as_bytes(), MAX_JSON)?.ok_or_else(|| missing(&entry.config))?;
    let mut batch: Vec<(BlobWriter, String)> = Vec::new();
    let mut layers = Vec::new();
    for path in entry.layers.iter().flatten() {
        let key = archive.follow(path.as_bytes());
        if let Some(known) = done.get(&key) {
            layers.push(known.clone());
            continue;
        }
        let blob = archive.take_path(path.as_bytes())?.ok_or_else(|| missing(path))?;
        let media_type = format!("{MEDIA_LAYER}{}", layer::compression(&blob)?.suffix());
        let layer = descriptor(&media_type, blob.digest(), blob.size());
        done.insert(key, layer.clone());
        layers.push(layer);
        batch.push((blob, media_type));
    }
    let manifest = Manifest::new(descriptor(MEDIA_CONFIG, Digest::of(&config), config.len() as u64), layers);
    let bytes = serde_json::to_vec(&manifest)
        .map_err(|error| StoreError::io("cannot write a manifest")(error.into()))?;
    let image =
        Image::new(descriptor(MEDIA_MANIFEST, Digest::of(&bytes), bytes.len() as u64), manifest, &config)?;
    for (layer, diff_id) in image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids) {
        let compression = Compression::of_layer(&layer.media_type).unwrap_or(Compression::None);
        layer::check(layer, compression, *diff_id)?;
    }
    for (bytes, media_type) in [(config, MEDIA_CONFIG), (bytes, MEDIA_MANIFEST)] {
        let mut blob = store.blob_writer()?;
        blob.write_all(&bytes).map_err(StoreError::io("cannot write a blob"))?;
        batch.push((blob, media_type.into()));
    }
    store.commit_all(batch)?;
    Ok(Image { descriptor: store.entry(&image), ..image })
}
