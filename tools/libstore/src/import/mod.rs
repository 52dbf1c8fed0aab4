//! Brings images into the store: from layouts, and from OCI and docker archives. Every digest and size is
//! verified before anything gets a name.

mod archive;
mod docker;
mod layout;
mod pick;

use crate::image::{parse, parse_manifest};
use crate::index::MAX_JSON;
use crate::{BlobWriter, Image, Store, StoreError};
use libwire::image::{Descriptor, Index, Platform};
use libwire::{Digest, Reference};
use std::io::Read;
use std::path::Path;

/// Blobs held open before they are committed together.
const BATCH: usize = 64;

/// Which images to take.
#[derive(Clone, Debug)]
pub struct Select {
    /// Only the one of this name or tag.
    pub name: Option<String>,
    /// Only the one of this digest.
    pub digest: Option<Digest>,
    /// Which of an index's images.
    pub platform: Platform,
}

impl Default for Select {
    fn default() -> Self {
        Self { name: None, digest: None, platform: crate::host_platform() }
    }
}

/// An image brought into the store, not named there yet.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The image.
    pub image: Image,
    /// The names it had where it came from.
    pub names: Vec<Reference>,
}

/// Where blobs come from.
trait Source {
    /// A small blob, verified.
    fn read(&mut self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, StoreError>;
    /// A blob, complete and verified, ready to be committed.
    fn take(&mut self, descriptor: &Descriptor) -> Result<BlobWriter, StoreError>;
}

impl Store {
    /// Imports from an OCI image layout directory.
    pub fn import_layout(&self, dir: &Path, select: &Select) -> Result<Vec<Imported>, StoreError> {
        let mut layout = layout::Layout::open(self, dir)?;
        let index = layout.index()?;
        self.import_index(&mut layout, &index, select)
    }

    /// Imports from an archive, compressed or not: an OCI layout in a tar, or what `docker save` writes.
    pub fn import_archive(
        &self,
        input: impl Read + Send + 'static,
        select: &Select,
    ) -> Result<Vec<Imported>, StoreError> {
        let mut archive = archive::Archive::spool(self, input)?;
        if let Some(index) = archive.index()? {
            return self.import_index(&mut archive, &index, select);
        }
        docker::import(self, &mut archive, select)
    }

    fn import_index(
        &self,
        source: &mut dyn Source,
        index: &Index,
        select: &Select,
    ) -> Result<Vec<Imported>, StoreError> {
        let mut imported: Vec<Imported> = Vec::new();
        for (descriptor, names) in pick::pick(source, index, select)? {
            match imported.iter_mut().find(|known| known.image.descriptor.digest == descriptor.digest) {
                Some(known) => known.names.extend(names),
                None => imported.push(Imported { image: self.import_image(source, &descriptor)?, names }),
            }
        }
        Ok(imported)
    }

    fn import_image(&self, source: &mut dyn Source, descriptor: &Descriptor) -> Result<Image, StoreError> {
        let bytes = source.read(descriptor, MAX_JSON)?;
        let manifest = parse_manifest(descriptor, &bytes)?;
        let config = source.read(&manifest.config, MAX_JSON)?;
        let image = Image::new(descriptor.clone(), manifest, &config)?;
        let mut batch: Vec<(BlobWriter, String)> = Vec::new();
        let mut taken: Vec<Digest> = Vec::new();
        for layer in &image.manifest.layers {
            if self.has_blob(layer) || taken.contains(&layer.digest) {
                continue;
            }
            taken.push(layer.digest);
            batch.push((source.take(layer)?, layer.media_type.clone()));
            if batch.len() >= BATCH {
                self.commit_all(std::mem::take(&mut batch))?;
            }
        }
        for (bytes, descriptor) in [(&config, &image.manifest.config), (&bytes, descriptor)] {
            let mut blob = self.blob_writer()?;
            std::io::Write::write_all(&mut blob, bytes).map_err(StoreError::io("cannot write a blob"))?;
            batch.push((blob, descriptor.media_type.clone()));
        }
        self.commit_all(batch)?;
        Ok(Image { descriptor: self.entry(&image), ..image })
    }

    /// An image's descriptor as it stands in the store's index: with its platform, without annotations.
    pub(crate) fn entry(&self, image: &Image) -> Descriptor {
        let config = &image.config;
        let platform = Platform {
            architecture: config.architecture.clone(),
            os: config.os.clone(),
            variant: config.variant.clone(),
            extra: Default::default(),
        };
        let known = !config.architecture.is_empty() && !config.os.is_empty();
        Descriptor {
            annotations: Default::default(),
            platform: known.then_some(platform),
            extra: Default::default(),
            ..image.descriptor.clone()
        }
    }
}

fn parse_index(place: &str, bytes: &[u8]) -> Result<Index, StoreError> {
    let index: Index = parse(place, bytes)?;
    if index.schema_version != 2 {
        return Err(StoreError::invalid(place, format!("schemaVersion {} is not 2", index.schema_version)));
    }
    match index.extra.contains_key("layers") || index.extra.contains_key("config") {
        true => Err(StoreError::invalid(place, "is both an index and a manifest")),
        false => Ok(index),
    }
}

/// Checks the file that says that a directory or archive is a layout.
fn check_layout(bytes: &[u8]) -> Result<(), StoreError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Layout {
        image_layout_version: String,
    }
    let layout: Layout = parse("oci-layout", bytes)?;
    let version = layout.image_layout_version;
    match version.split('.').next() {
        Some("1") => Ok(()),
        _ => Err(StoreError::invalid("oci-layout", format!("version {version:?} is not known"))),
    }
}
