//! Pulls images from registries into the store. Names are looked up first. Then several layers are pulled at once, and
//! unpacked meanwhile. An image gets its name when all of it is here and durable. The unpacked trees are not durable:
//! after a power cut they are unpacked again.

mod all;
mod documents;
mod failure;
mod layers;
mod look_up;
mod options;
mod progress;

pub use layers::Unpacking;
pub use options::{Options, Policy};

use libcli::Failure;
use libregistry::Client;
use libstore::{Image, Store};
use libwire::{Digest, Reference};
use std::thread;

/// Pulls the image of each of `names` for one platform, and returns the digests of their manifests.
pub fn pull(
    store: &Store,
    client: &Client,
    names: &[Reference],
    unpacking: Option<&Unpacking>,
    options: &Options,
) -> Result<Vec<Digest>, Failure> {
    let found = look_up(store, client, names, options)?;
    for (name, image) in names.iter().zip(&found) {
        layers::fetch(store, client, name, image, unpacking, options)?;
        store.tag(&name.pinned(), &image.descriptor)?;
    }
    Ok(digests(&found))
}

/// Looks up all of `names` at once, and only pulls manifests and configs.
pub fn pull_configs(
    store: &Store,
    client: &Client,
    names: &[Reference],
    options: &Options,
) -> Result<Vec<Digest>, Failure> {
    Ok(digests(&look_up(store, client, names, options)?))
}

/// Pulls the layers of images whose configs are here already, and gives these the names that are free.
pub fn pull_layers(
    store: &Store,
    client: &Client,
    images: &[Digest],
    unpacking: Option<&Unpacking>,
    options: &Options,
) -> Result<(), Failure> {
    images.iter().try_for_each(|image| layers::fetch_known(store, client, *image, unpacking, options))
}

/// Pulls each of `names` as a whole, an index with all of its images, and returns the digests. Only the image for the
/// platform of `options` is unpacked.
pub fn pull_all(
    store: &Store,
    client: &Client,
    names: &[Reference],
    unpacking: Option<&Unpacking>,
    options: &Options,
) -> Result<Vec<Digest>, Failure> {
    names.iter().map(|name| all::pull(store, client, name, unpacking, options)).collect()
}

fn look_up(
    store: &Store,
    client: &Client,
    names: &[Reference],
    options: &Options,
) -> Result<Vec<Image>, Failure> {
    thread::scope(|scope| {
        let ask = |name| scope.spawn(move || look_up::look_up(store, client, name, options));
        let asked: Vec<_> = names.iter().map(ask).collect();
        let died = |_| Failure::failed("", "a thread ended early");
        asked.into_iter().map(|found| found.join().map_err(died)?).collect()
    })
}

fn digests(found: &[Image]) -> Vec<Digest> {
    found.iter().map(|image| image.descriptor.digest).collect()
}
