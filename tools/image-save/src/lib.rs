//! Writes images of the store: as archives and layouts, or as the file system of a container.
//!
//! Archives are copies of the store's blobs. The file system is read through an overlay of the unpacked layers, so
//! that the kernel handles whiteouts and links.

mod tree;

pub use tree::{Existing, check_target, unpack_into, write_tree};

use libcli::Failure;
use libstore::{Image, Store, StoreError, Unpack};
use libwire::Reference;
use std::path::PathBuf;

/// An image found in a store, and the names to save it under.
#[derive(Clone, Debug)]
pub struct Found {
    /// The image.
    pub image: Image,
    /// The name it was selected by; for a digest, all its names.
    pub names: Vec<Reference>,
}

/// Finds the image named `text`.
pub fn find(store: &Store, text: &str) -> Result<Found, Failure> {
    let named = store.find(text)?;
    let names = match named.reference {
        Some(name) => vec![name],
        None => {
            let same = |other: libstore::Named| match other.descriptor.digest == named.descriptor.digest {
                true => other.reference,
                false => None,
            };
            store.images()?.into_iter().filter_map(same).collect()
        }
    };
    Ok(Found { image: store.image(&named.descriptor)?, names })
}

/// Unpacks the layers that are not unpacked yet. Returns the directories of the layers, lowest first. It is an error
/// if one has lost files since it was unpacked.
pub fn layers(store: &Store, image: &Image, how: &Unpack) -> Result<Vec<PathBuf>, StoreError> {
    let tree = |id: &String| store.check_snapshot(id, true, u64::MAX).and_then(|_| store.snapshot_fs(id));
    store.unpack(image, how)?.iter().map(tree).collect()
}
