//! Pulls all that a name means: an index with its images and their attestations, byte for byte.

use crate::documents::{ACCEPT, Remote};
use crate::failure::{at, failure};
use crate::layers::{self, Unpacking, copy};
use crate::look_up::{open, top};
use crate::options::Options;
use crate::progress::watched;
use libcli::Failure;
use libregistry::{Client, Session};
use libstore::{Documents, Incoming, Store, StoreError};
use libwire::image::{Descriptor, Index, Manifest};
use libwire::{Digest, Reference};

/// The most manifests that are pulled for one name.
const MOST: usize = 64;
/// The depth to which indexes may be nested.
const DEPTH: usize = 4;
/// The largest manifest.
const LARGEST: u64 = 4 << 20;

/// All that a name means.
#[derive(Default)]
struct Whole {
    /// Indexes and manifests, with their bytes; an index after its manifests.
    documents: Vec<(Descriptor, Vec<u8>)>,
    /// Configs and layers.
    blobs: Vec<Descriptor>,
}

/// Pulls all that `name` means, and returns its digest.
pub fn pull(
    store: &Store,
    client: &Client,
    name: &Reference,
    unpacking: Option<&Unpacking>,
    options: &Options,
) -> Result<Digest, Failure> {
    let session = open(client, name)?;
    let (top, bytes) = top(&session, name)?;
    let mut remote = Remote::new(store, &session, &top, bytes);
    let mut whole = Whole::default();
    let collected = collect(&mut remote, &top, &mut whole, DEPTH);
    if let Some(error) = remote.failure.take() {
        return Err(failure(name, &error));
    }
    collected.map_err(|error| at(name, error))?;
    fetch(store, &session, name, &whole.blobs, options)?;
    for (descriptor, bytes) in &whole.documents {
        store.put(bytes, &descriptor.media_type)?;
    }
    if unpacking.is_some()
        && let Ok(image) = store.image(&top)
    {
        layers::fetch(store, client, name, &image, unpacking, options)?;
    }
    store.tag(&name.pinned(), &top)?;
    Ok(top.digest)
}

fn collect(
    remote: &mut Remote,
    descriptor: &Descriptor,
    whole: &mut Whole,
    depth: usize,
) -> Result<(), StoreError> {
    let bad = |what: String| StoreError::invalid(format!("manifest {}", descriptor.digest), what);
    if whole.documents.iter().any(|(known, _)| known.digest == descriptor.digest) {
        return Ok(());
    }
    if depth == 0 || whole.documents.len() >= MOST {
        let what = format!("more than {MOST} images, or indexes more than {DEPTH} deep, are not taken");
        return Err(bad(what));
    }
    let bytes = remote.read(descriptor, LARGEST)?;
    match descriptor.media_type.contains("index") || descriptor.media_type.contains("manifest.list") {
        true => {
            let index: Index = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
            for entry in &index.manifests {
                match ACCEPT.split(", ").any(|kind| kind == entry.media_type) {
                    true => collect(remote, entry, whole, depth - 1)?,
                    false => whole.blobs.push(entry.clone()),
                }
            }
        }
        false => {
            let manifest: Manifest =
                serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
            whole.blobs.push(manifest.config);
            whole.blobs.extend(manifest.layers);
        }
    }
    whole.documents.push((descriptor.clone(), bytes));
    Ok(())
}

fn fetch(
    store: &Store,
    session: &Session,
    name: &Reference,
    blobs: &[Descriptor],
    options: &Options,
) -> Result<(), Failure> {
    session.past_bad_mirrors(|| {
        let mut size = 0;
        for blob in blobs {
            size += if store.has_blob(blob)? { 0 } else { blob.size };
        }
        watched(name, size, options.progress, |count| {
            let bring =
                |blob: &Descriptor, incoming: &mut Incoming| copy(session, name, blob, incoming, count);
            store.fetch_blobs(blobs, &bring)
        })
    })
}
