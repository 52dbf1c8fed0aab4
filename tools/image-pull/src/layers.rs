//! Pulls the layers of an image whose manifest and config are here.

use crate::failure::{at, failure};
use crate::look_up::open;
use crate::options::Options;
use crate::progress::{Count, watched};
use libcli::Failure;
use libregistry::{Client, Session};
use libsandbox::{Isolation, Overlay, mount_overlay};
use libstore::{Image, Incoming, Remote, Store, StoreError, Unpack};
use libwire::image::Descriptor;
use libwire::{Digest, Reference};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// The settings of unpacking.
#[derive(Clone, Copy, Debug)]
pub struct Unpacking {
    /// The isolation of this process.
    pub isolation: Isolation,
}

impl Unpacking {
    /// Runs `job` with the settings of unpacking.
    fn with<T>(this: Option<&Self>, job: impl FnOnce(Option<&Unpack>) -> T) -> T {
        let Some(Self { isolation }) = this else { return job(None) };
        let mount = |lowers: &[PathBuf], upper: &Path, work: &Path| -> io::Result<OwnedFd> {
            let overlay = Overlay { lowers, upper: Some((upper, work)) };
            mount_overlay(&overlay, *isolation).map_err(io::Error::other)
        };
        job(Some(&Unpack { owners: isolation.owners(), mount: &mount }))
    }
}

/// Pulls the missing layers of `image`, and unpacks them if that is wanted. If none is missing, the registry is not
/// asked.
pub fn fetch(
    store: &Store,
    client: &Client,
    name: &Reference,
    image: &Image,
    unpacking: Option<&Unpacking>,
    options: &Options,
) -> Result<(), Failure> {
    let session = match missing(store, image)?.is_empty() {
        true => None,
        false => Some(open(client, name)?),
    };
    let bring = |count: &Count, layer: &Descriptor, incoming: &mut Incoming| match &session {
        Some(session) => copy(session, name, layer, incoming, count),
        None => Err(Failure::failed(name.to_string(), format!("{} went away; pull again", layer.digest))),
    };
    let fetch = || {
        let size = missing(store, image)?.values().sum();
        watched(name, size, options.progress, |count| {
            let bring = |layer: &Descriptor, incoming: &mut Incoming| bring(count, layer, incoming);
            Unpacking::with(unpacking, |how| store.fetch_layers(image, &bring, how))
        })
    };
    match &session {
        Some(session) => session.past_bad_mirrors(fetch),
        None => fetch(),
    }
}

/// The layers that the store lacks, and their sizes.
fn missing(store: &Store, image: &Image) -> Result<BTreeMap<Digest, u64>, Failure> {
    let mut missing: BTreeMap<Digest, u64> = BTreeMap::new();
    for layer in &image.manifest.layers {
        if !store.has_blob(layer)? {
            missing.insert(layer.digest, layer.size);
        }
    }
    Ok(missing)
}

/// Pulls the missing layers of the image `digest`, by any name that it has at a registry, and gives it the names that
/// are free.
pub fn fetch_known(
    store: &Store,
    client: &Client,
    digest: Digest,
    unpacking: Option<&Unpacking>,
    options: &Options,
) -> Result<(), Failure> {
    let said: Vec<Remote> =
        store.remotes()?.into_iter().filter(|said| said.manifest.digest == digest).collect();
    let unknown =
        || Failure::failed(digest.to_string(), "no registry is known to have it; pull it by its name");
    let mut failed = unknown();
    for Remote { name, manifest, .. } in &said {
        let name = Reference::parse(name).map_err(|bad| Failure::failed("", bad))?;
        let image = store.image(manifest).map_err(|error| at(&name, error))?;
        match fetch(store, client, &name, &image, unpacking, options) {
            Ok(()) => return give_names(store, &said),
            Err(failure) => failed = failure,
        }
    }
    Err(failed)
}

/// Gives an image its names that no image has in the store, or that an image of an earlier pull for the same platform
/// has.
fn give_names(store: &Store, said: &[Remote]) -> Result<(), Failure> {
    for Remote { name, manifest, .. } in said {
        let name = Reference::parse(name).map_err(|bad| Failure::failed("", bad))?;
        let is_free = match store.resolve(&name)? {
            Some(other) => other.platform == manifest.platform,
            None => true,
        };
        if is_free {
            store.tag(&name, manifest)?;
        }
    }
    Ok(())
}

/// Copies a blob that the registry has.
pub fn copy(
    session: &Session,
    name: &Reference,
    blob: &Descriptor,
    incoming: &mut Incoming,
    count: &Count,
) -> Result<(), Failure> {
    if blob.extra.contains_key("urls")
        && !session.has_blob(blob.digest).map_err(|error| failure(name, &error))?
    {
        let what = "the registry does not have it, and nothing is fetched from the URLs that its manifest has for it";
        return Err(Failure::failed(name.to_string(), format!("layer {}: {what}", blob.digest)));
    }
    let mut stream = session.stream(blob.digest, blob.size);
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.next(&mut buffer).map_err(|error| failure(name, &error))? {
            0 => return Ok(()),
            read => {
                incoming
                    .write_all(&buffer[..read])
                    .map_err(StoreError::io(format!("blob {}", blob.digest)))?;
                count.add(read);
            }
        }
    }
}
