//! Takes images out of the store: as archives and layouts, or as the file system a container would see.
//!
//! Archives are copies of the store's blobs. The file system is read through an overlay of the unpacked
//! layers, so that whiteouts and links are the kernel's business.

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
    /// The name it was asked for by; for a digest all names it has.
    pub names: Vec<Reference>,
}

/// Finds the image that `text` names.
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

/// Unpacks the image as far as it is not unpacked yet; its layers' directories, lowest first. One that has lost
/// something since it was unpacked is an error.
pub fn layers(store: &Store, image: &Image, how: &Unpack) -> Result<Vec<PathBuf>, StoreError> {
    let tree = |id: &String| store.check_snapshot(id, true, u64::MAX).and_then(|_| store.snapshot_fs(id));
    store.unpack(image, how)?.iter().map(tree).collect()
}
