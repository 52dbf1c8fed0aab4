//! Imports images into the store, from layouts and from OCI and docker archives. Every digest and size is verified
//! before anything gets a name.

mod archive;
mod docker;
mod finished;
mod lanes;
mod layer;
mod layout;
mod look;
mod pick;

pub use archive::ARCHIVE;
pub use lanes::Fetch;

use crate::blob::{BlobWriter, MAX_JSON};
use crate::error::StoreError;
use crate::image::{Image, parse, parse_manifest};
use crate::store::Store;
use crate::unpack::{Origin, Unpack};
use libwire::Platform;
use libwire::image::{Descriptor, Index};
use libwire::{Digest, Reference};
use pick::Picked;
use std::io::Read;
use std::path::Path;

/// The number of blobs that are held open and then committed together.
const BATCH: usize = 64;

/// The images to import.
#[derive(Clone, Debug)]
pub struct Select {
    /// Only the one of this name or tag.
    pub name: Option<String>,
    /// Only the one of this digest.
    pub digest: Option<Digest>,
    /// The platform to choose in an index.
    pub platform: Platform,
    /// Whether an image for another platform is accepted if it is the only one.
    pub other_platform: bool,
    /// The option by which the user chooses one of several, for messages.
    pub choose_by: &'static str,
}

impl Default for Select {
    fn default() -> Self {
        let platform = Platform::host();
        Self { name: None, digest: None, platform, other_platform: false, choose_by: "--select" }
    }
}

/// An image that was imported, but has no name yet.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The image.
    pub image: Image,
    /// Its names in the source.
    pub names: Vec<Reference>,
    /// Its names in the source that can't be names here, each with the reason.
    pub left_out: Vec<String>,
}

impl Imported {
    /// The platform of the image, if `wanted` can't run it.
    pub fn other_platform(&self, wanted: &Platform) -> Option<String> {
        let own = self.image.descriptor.platform.as_ref()?;
        (!own.runs_on(wanted)).then(|| own.to_string())
    }
}

/// A source of the JSON of images: indexes, manifests and configs.
pub trait Documents {
    /// A small blob, verified.
    fn read(&mut self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, StoreError>;
}

/// A source of whole images.
trait Source: Documents {
    /// A blob, complete and verified, ready to be committed.
    fn take(&mut self, descriptor: &Descriptor) -> Result<BlobWriter, StoreError>;
}

/// The one image that `select` means in an OCI image layout directory. Its layers are not read, and nothing is copied.
pub fn peek_layout(dir: &Path, select: &Select) -> Result<Image, StoreError> {
    Ok(read_one(&mut layout::Layout::open(None, dir)?, dir, select)?.image)
}

impl Store {
    /// Imports from an OCI image layout directory.
    pub fn import_layout(&self, dir: &Path, select: &Select) -> Result<Vec<Imported>, StoreError> {
        let mut layout = layout::Layout::open(Some(self), dir)?;
        let index = layout.index()?;
        self.import_index(&mut layout, &index, select)
    }

    /// Imports the one image that `select` means from an OCI image layout directory, and unpacks it meanwhile as
    /// [`Store::unpack`] does. One waits for the disk while the other needs the processor.
    pub fn import_and_unpack(
        &self,
        dir: &Path,
        select: &Select,
        how: &Unpack,
    ) -> Result<(Image, Vec<String>), StoreError> {
        let mut layout = layout::Layout::open(Some(self), dir)?;
        let read = read_one(&mut layout, dir, select)?;
        let (image, source) = (read.image.clone(), layout::Layout::open(Some(self), dir)?);
        std::thread::scope(|scope| {
            let importing = scope.spawn(|| self.import_image(&mut layout, read));
            let unpacked =
                self.unpack_from(&|layer| Ok(Box::new(source.open_blob(layer)?)), &image, how, Origin::Here);
            let died =
                |_| StoreError::io("cannot import")(std::io::Error::other("the thread that copies died"));
            // Both find a damaged blob, but only the import knows which blob it is.
            Ok((importing.join().map_err(died)??, unpacked?))
        })
    }

    /// Imports from an archive, compressed or not: an OCI layout in a tar, or an archive of `docker save`.
    pub fn import_archive(
        &self,
        input: impl Read + Send + 'static,
        select: &Select,
    ) -> Result<Vec<Imported>, StoreError> {
        let mut archive = archive::Archive::spool(self, input)?;
        match archive.index()? {
            // Docker 25 leaves the index empty if an image is saved by its id.
            Some(index) if !index.manifests.is_empty() || !archive.has(b"manifest.json") => {
                self.import_index(&mut archive, &index, select)
            }
            _ => docker::import(self, &mut archive, select),
        }
    }

    fn import_index(
        &self,
        source: &mut dyn Source,
        index: &Index,
        select: &Select,
    ) -> Result<Vec<Imported>, StoreError> {
        let mut imported: Vec<Imported> = Vec::new();
        for Picked { descriptor, names, left_out } in pick::pick(source, index, select)? {
            match imported.iter_mut().find(|known| known.image.descriptor.digest == descriptor.digest) {
                Some(known) => {
                    known.names.extend(names);
                    known.left_out.extend(left_out);
                }
                None => {
                    let read = read_image(source, &descriptor)?;
                    imported.push(Imported { image: self.import_image(source, read)?, names, left_out });
                }
            }
        }
        Ok(imported)
    }

    fn import_image(&self, source: &mut dyn Source, read: ReadImage) -> Result<Image, StoreError> {
        let image = &read.image;
        let mut batch: Vec<(BlobWriter, String)> = Vec::new();
        let mut taken: Vec<Digest> = Vec::new();
        for (layer, diff_id) in image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids) {
            if taken.contains(&layer.digest) {
                continue;
            }
            if self.has_blob(layer)? {
                layer::check(layer, self.compression_of(layer)?, *diff_id)?;
                continue;
            }
            taken.push(layer.digest);
            let blob = source.take(layer)?;
            layer::check(layer, layer::compression(&blob)?, *diff_id)?;
            batch.push((blob, layer.media_type.clone()));
            if batch.len() >= BATCH {
                self.commit_all(std::mem::take(&mut batch))?;
            }
        }
        self.commit_with(batch, read)
    }

    /// Keeps an image's manifest and config durably. Its layers may be missing, so it must not get a name yet.
    pub fn keep_image(&self, read: ReadImage) -> Result<Image, StoreError> {
        self.commit_with(Vec::new(), read)
    }

    fn commit_with(
        &self,
        mut batch: Vec<(BlobWriter, String)>,
        ReadImage { image, manifest, config }: ReadImage,
    ) -> Result<Image, StoreError> {
        for (bytes, descriptor) in [(&config, &image.manifest.config), (&manifest, &image.descriptor)] {
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
        let known = !config.architecture.is_empty() && !config.os.is_empty();
        Descriptor {
            annotations: Default::default(),
            platform: known.then(|| Platform::of_config(config)),
            extra: Default::default(),
            ..image.descriptor.clone()
        }
    }
}

/// An image, and the bytes of its JSON, which are kept as they are.
#[derive(Clone, Debug)]
pub struct ReadImage {
    /// The image.
    pub image: Image,
    manifest: Vec<u8>,
    config: Vec<u8>,
}

/// The image that `top`, its manifest or an index, means for `select`.
pub fn read_top(
    documents: &mut dyn Documents,
    top: &Descriptor,
    select: &Select,
) -> Result<ReadImage, StoreError> {
    let manifest = pick::manifest_of(documents, top.clone(), select, 0)?;
    read_image(documents, &manifest)
}

fn read_image(source: &mut dyn Documents, descriptor: &Descriptor) -> Result<ReadImage, StoreError> {
    let manifest = source.read(descriptor, MAX_JSON)?;
    let parsed = parse_manifest(descriptor, &manifest)?;
    let config = source.read(&parsed.config, MAX_JSON)?;
    let image = Image::new(descriptor.clone(), parsed, &config)?;
    Ok(ReadImage { image, manifest, config })
}

/// The image that `select` means, if it means exactly one.
fn read_one(layout: &mut layout::Layout, dir: &Path, select: &Select) -> Result<ReadImage, StoreError> {
    let index = layout.index()?;
    let picked = pick::pick(layout, &index, select)?;
    match picked.as_slice() {
        [Picked { descriptor: first, .. }, more @ ..]
            if more.iter().all(|other| other.descriptor.digest == first.digest) =>
        {
            read_image(layout, first)
        }
        _ => {
            let what = format!("holds several images; name one with {}", select.choose_by);
            Err(StoreError::invalid(format!("oci-layout://{}", dir.display()), what))
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
