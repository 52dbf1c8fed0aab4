//! The bytes that pushing an image to a registry would send: the registry is asked for each blob whether the repository
//! has it (OCI distribution-spec, HEAD /v2/NAME/blobs/DIGEST); nothing is sent.

use libcli::{Exit, Failure, human, sanitise, write_table};
use libhttp::{Environment, FetchError};
use libimage::blobs::{blobs, layers};
use libimage::source::Opened;
use libregistry::{Access, Client, HostFiles, Hosts, Logins, Repository};
use libwire::Digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The bytes that pushing an image would send.
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

/// An object that the registry is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object<'a> {
    /// A blob.
    Blob(Digest),
    /// A manifest, and its media type.
    Manifest(Digest, &'a str),
}

/// The bytes that pushing each of `images` would send. A blob that several have is asked for once.
pub fn push(
    images: &[Opened],
    repository: &Repository,
    logins: &Logins,
    hosts: &HostFiles,
    environment: &Environment,
    warn: fn(&str),
) -> Result<Vec<Push>, Failure> {
    let hosts = Hosts::read(hosts, &[]).map_err(failure)?;
    let client = Client::new(logins, &hosts, environment);
    let session = client.open(repository, Access::Look).map_err(failure)?;
    let pushes = push_where(images, &mut |object| match object {
        Object::Blob(digest) => session.has_blob(digest),
        Object::Manifest(digest, media_type) => {
            session.look_up(&digest.to_string(), media_type).map(|head| head.is_some())
        }
    });
    client.take_warnings().iter().for_each(|warning| warn(warning));
    pushes
}

/// A refusal that passes may be tried again; any other needs somebody.
fn failure(error: FetchError) -> Failure {
    let exit = match &error {
        error if error.is_passing() => Exit::TryAgain,
        error if error.is_input() => Exit::BadInput,
        _ => Exit::Failed,
    };
    Failure::new(exit, "", error)
}

pub(crate) fn push_where(
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
            size: all.values().sum(),
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

/// Writes what pushing images would send, for a terminal or a pipe.
pub fn write(pushes: &[Push], output: &mut impl Write) -> io::Result<()> {
    let row = |push: &Push| {
        let [size, sent] = [push.size, push.push].map(human);
        vec![sanitise(&push.image), size, sent, format!("{} of {}", push.missing, push.layers)]
    };
    write_table(
        &["IMAGE", ">SIZE", ">TO PUSH", ">LAYERS"],
        &pushes.iter().map(row).collect::<Vec<_>>(),
        output,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use libimage::fixtures::{make, store};
    use libimage::source::{self, Sources};

    #[test]
    fn a_push_is_what_the_registry_says_it_has_not_and_each_blob_is_asked_for_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        make(&store, "base", &[&[("file", "base", "0")]]);
        make(&store, "x", &[&[("file", "base", "0")], &[("file", "x", "1")]]);
        let open = |name| source::open(name, &Sources::of(&dir.path().join("store"))).unwrap();
        let images = ["base", "x"].map(open);
        let there = Object::Blob(images[0].image.manifest.layers[0].digest);
        let mut asked = Vec::new();
        let pushes = push_where(&images, &mut |object| {
            asked.push(format!("{object:?}"));
            Ok(object == there)
        })
        .unwrap();
        assert_eq!(pushes[1].size - pushes[1].push, images[0].image.manifest.layers[0].size);
        assert_eq!(pushes.iter().map(|push| push.missing).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(asked.len(), 6);
        assert!(asked.contains(&format!("{there:?}")));
        let manifest = images[0].image.descriptor.digest;
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        assert!(asked.contains(&format!("{:?}", Object::Manifest(manifest, media_type))), "{asked:?}");
    }
}
