//! Uses a store that can't be written: changes of a command are kept in memory, and images must be unpacked already.

use libcli::Failure;
use libstore::{Image, Store};

/// Mounts a directory in memory for new entries, if the store's can't be written. Only this process sees it.
pub fn make_room(store: &Store) -> Result<(), Failure> {
    match store.closed_tmp() {
        Some(dir) => libsandbox::mount_memory(&dir).map_err(|error| Failure::failed("store", error)),
        None => Ok(()),
    }
}

/// Does the same for an image, whose layers must be unpacked there already.
pub fn make_room_for(store: &Store, image: &Image) -> Result<(), Failure> {
    if store.closed_tmp().is_some() && !store.layer_ids(image).iter().all(|id| store.has_snapshot(id)) {
        let what = format!(
            "{} can't be written, and layers of {} are not unpacked in it; run the image once, as this user, where \
             the store can be written, or copy it: image-save IMAGE | image-load --store DIR -",
            store.path().display(),
            image.descriptor.digest
        );
        return Err(Failure::failed("store", what));
    }
    make_room(store)
}
