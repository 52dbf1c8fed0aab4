//! Loads images into the store from an OCI layout, an OCI archive or a docker archive, and names them.
//!
//! Layers are verified and stored unchanged. Nothing is unpacked, and nothing in them is run or looked up.

use libcli::Failure;
use libstore::{Imported, Select, Store};
use libwire::Platform;
use libwire::{Digest, Reference};
use std::io::Read;
use std::path::PathBuf;

/// The source of images.
pub enum Source {
    /// An OCI layout directory.
    Layout(PathBuf),
    /// An archive, compressed or not.
    Archive(Box<dyn Read + Send>),
}

/// The images to load, and their names.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names for the image, instead of its own.
    pub tags: Vec<Reference>,
    /// Load only the image of this name, tag or digest.
    pub select: Option<String>,
    /// Load the image for this platform of an index, instead of that for this machine.
    pub platform: Option<Platform>,
}

/// An image that has been loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its manifest's digest.
    pub digest: Digest,
    /// The names it got.
    pub names: Vec<Reference>,
    /// Warnings about the image.
    pub notes: Vec<String>,
}

/// Loads images from `source` into `store`, durably.
pub fn load(source: Source, store: &Store, options: &Options) -> Result<Vec<Loaded>, Failure> {
    let mut select = Select { other_platform: options.platform.is_none(), ..Select::default() };
    if let Some(platform) = &options.platform {
        select.platform = platform.clone();
    }
    match options.select.as_deref().map(|text| (text, text.parse())) {
        Some((_, Ok(digest))) => select.digest = Some(digest),
        Some((name, Err(_))) => select.name = Some(name.to_owned()),
        None => {}
    }
    let imported = match source {
        Source::Layout(dir) => store.import_layout(&dir, &select)?,
        Source::Archive(input) => store.import_archive(input, &select)?,
    };
    if !options.tags.is_empty() && imported.len() > 1 {
        let what = format!("{} images, and --tag names one; choose it with --select", imported.len());
        return Err(Failure::usage(what));
    }
    imported.into_iter().map(|imported| name(store, imported, &options.tags, &select)).collect()
}

fn name(store: &Store, imported: Imported, tags: &[Reference], select: &Select) -> Result<Loaded, Failure> {
    let notes = notes(&imported, tags, select);
    let mut names = if tags.is_empty() { imported.names } else { tags.to_vec() };
    names.sort();
    names.dedup();
    store.tag_all(&names, &imported.image.descriptor)?;
    Ok(Loaded { digest: imported.image.descriptor.digest, names, notes })
}

/// The warnings about an image.
fn notes(imported: &Imported, tags: &[Reference], select: &Select) -> Vec<String> {
    let digest = imported.image.descriptor.digest;
    let name = |what: &String| format!("{digest} gets no name: {what}; give it one with --tag");
    let left_out = imported.left_out.iter().filter(|_| tags.is_empty()).map(name);
    let other = imported.other_platform(&select.platform);
    let other = other.map(|other| format!("{digest} is for {other}, and this is {}", select.platform));
    left_out.chain(other).collect()
}
