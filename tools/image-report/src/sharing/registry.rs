//! What pushing an image to a registry would send: it asks for each blob whether the repository has it (OCI
//! distribution-spec, HEAD /v2/NAME/blobs/DIGEST), and sends nothing.

use super::{blobs, layers, sum};
use libcli::{Exit, Failure};
use libhttp::{Environment, FetchError};
use libimage::source::Opened;
use libregistry::{Access, Client, Logins, Repository};
use libwire::Digest;
use serde::Serialize;
use std::collections::BTreeMap;

/// What pushing an image would send.
#[derive(Debug, PartialEq, Serialize)]
pub struct Push {
    /// The image.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// Bytes of its blobs.
    pub size: u64,
    /// Bytes that the repository does not have.
    pub push: u64,
    /// How many layers it has.
    pub layers: usize,
    /// How many of them the repository does not have.
    pub missing: usize,
}

/// What the registry is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object<'a> {
    /// A blob.
    Blob(Digest),
    /// A manifest, and its media type.
    Manifest(Digest, &'a str),
}

/// What pushing each of `images` would send. A blob that several have is asked for once.
pub fn push(
    images: &[Opened],
    repository: &Repository,
    logins: &Logins,
    environment: &Environment,
) -> Result<Vec<Push>, Failure> {
    let client = Client::new(logins, environment).map_err(failure)?;
    let session = client.open(repository, Access::Pull).map_err(failure)?;
    push_where(images, &mut |object| match object {
        Object::Blob(digest) => session.has_blob(digest),
        Object::Manifest(digest, media_type) => {
            session.look_up(&digest.to_string(), media_type).map(|head| head.is_some())
        }
    })
}

/// What a registry does not do now it may do later; what it does not let in needs somebody.
fn failure(error: FetchError) -> Failure {
    let exit = match &error {
        error if error.is_passing() => Exit::TryAgain,
        error if error.is_input() => Exit::BadInput,
        _ => Exit::Failed,
    };
    Failure::new(exit, "", error)
}

pub(super) fn push_where(
    images: &[Opened],
    has: &mut dyn FnMut(Object) -> Result<bool, FetchError>,
) -> Result<Vec<Push>, Failure> {
    let mut known: BTreeMap<Object, bool> = BTreeMap::new();
    let mut pushes = Vec::new();
    for opened in images {
        let (all, layers) = (blobs(&opened.image), layers(&opened.image));
        let manifest = opened.image.descriptor.digest;
        let mut push = Push {
            image: opened.name.clone(),
            digest: manifest,
            size: sum(all.values()),
            push: 0,
            layers: layers.len(),
            missing: 0,
        };
        for (&digest, &size) in &all {
            let object = match digest == manifest {
                true => Object::Manifest(digest, &opened.image.descriptor.media_type),
                false => Object::Blob(digest),
            };
            let there = match known.get(&object) {
                Some(&there) => there,
                None => has(object).map_err(failure)?,
            };
            known.insert(object, there);
            if !there {
                push.push += size;
                push.missing += usize::from(layers.contains_key(&digest));
            }
        }
        pushes.push(push);
    }
    Ok(pushes)
}
