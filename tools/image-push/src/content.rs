//! The parts of an image, or of an index with its images: documents, each with the blobs that it names. A
//! document's bytes are sent as the store has them, and never written anew.

use libcli::Failure;
use libstore::Store;
use libwire::Digest;
use libwire::image::{Descriptor, Index, MEDIA_INDEX, MEDIA_MANIFEST, Manifest};
use std::collections::BTreeSet;

const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media types of documents, for a registry to answer with.
pub const DOCUMENTS: &str = "application/vnd.oci.image.index.v1+json, \
application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
application/vnd.docker.distribution.manifest.v2+json";
/// Every registry takes a document of this size.
const LARGEST: u64 = 4 << 20;
/// How deep indexes may be in indexes.
const DEEPEST: usize = 8;

/// A manifest or an index.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its media type, digest and size.
    pub descriptor: Descriptor,
    /// Its bytes, as the store has them.
    pub bytes: Vec<u8>,
    /// The blobs that it names: a config, and layers.
    pub blobs: Vec<Descriptor>,
}

/// All of an image.
#[derive(Clone, Debug)]
pub struct Content {
    /// The document that the image's name means.
    pub top: Document,
    /// The documents that `top` names, directly or not; each comes after those that it names itself.
    pub below: Vec<Document>,
}

impl Content {
    /// Reads the documents of what `top` is.
    pub fn read(store: &Store, top: &Descriptor) -> Result<Self, Failure> {
        let mut below = Vec::new();
        let top = read(store, top, &mut below, 0)?;
        Ok(Self { top, below })
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        self.top.descriptor.digest
    }

    /// Its documents, each after what it names.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.below.iter().chain([&self.top])
    }

    /// Its blobs, each once.
    pub fn blobs(&self) -> Vec<&Descriptor> {
        distinct(self.documents())
    }
}

/// The blobs of some documents, each once.
pub fn distinct<'a>(documents: impl Iterator<Item = &'a Document>) -> Vec<&'a Descriptor> {
    let mut seen = BTreeSet::new();
    documents.flat_map(|document| &document.blobs).filter(|blob| seen.insert(blob.digest)).collect()
}

/// The blobs that a document names, as far as its bytes are one.
pub fn named(bytes: &[u8]) -> Vec<Descriptor> {
    let manifest = serde_json::from_slice::<Manifest>(bytes);
    manifest.map(|manifest| blobs(manifest).collect()).unwrap_or_default()
}

fn blobs(manifest: Manifest) -> impl Iterator<Item = Descriptor> {
    [manifest.config].into_iter().chain(manifest.layers)
}

fn read(
    store: &Store,
    descriptor: &Descriptor,
    below: &mut Vec<Document>,
    depth: usize,
) -> Result<Document, Failure> {
    let place = format!("{} {}", if is_index(descriptor) { "index" } else { "manifest" }, descriptor.digest);
    if depth > DEEPEST {
        return Err(Failure::bad_input(place, format!("indexes are in each other more than {DEEPEST} deep")));
    }
    let bytes = store.read_blob(descriptor, LARGEST)?;
    let bad = |error: serde_json::Error| Failure::bad_input(place.clone(), error);
    let blobs = match is_index(descriptor) {
        false => blobs(serde_json::from_slice(&bytes).map_err(bad)?).collect(),
        true => {
            let index: Index = serde_json::from_slice(&bytes).map_err(bad)?;
            let (documents, blobs): (Vec<_>, Vec<_>) = index.manifests.into_iter().partition(is_document);
            for child in &documents {
                if below.iter().any(|known| known.descriptor.digest == child.digest) {
                    continue;
                }
                let document =
                    read(store, child, below, depth + 1).map_err(|failure| missing(child, failure))?;
                below.push(document);
            }
            blobs
        }
    };
    Ok(Document { descriptor: descriptor.clone(), bytes, blobs })
}

/// The failure to read a part of an index, with what it is the part for.
fn missing(child: &Descriptor, failure: Failure) -> Failure {
    let platform = child.platform.as_ref().map(|platform| format!(" for {platform}")).unwrap_or_default();
    let what = format!(
        "the index's image{platform}: {}; pull all of it with image-pull --all-platforms",
        failure.what()
    );
    Failure::new(failure.exit(), failure.place(), what)
}

fn is_index(descriptor: &Descriptor) -> bool {
    matches!(&*descriptor.media_type, MEDIA_INDEX | DOCKER_INDEX)
}

fn is_document(descriptor: &Descriptor) -> bool {
    is_index(descriptor) || matches!(&*descriptor.media_type, MEDIA_MANIFEST | DOCKER_MANIFEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libstore::Options;

    #[test]
    fn an_index_is_read_with_all_that_it_names_lowest_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        let layer = store.put(b"layer", "application/vnd.oci.image.layer.v1.tar").unwrap();
        let manifest = |config: &[u8]| {
            let config = store.put(config, "application/vnd.oci.image.config.v1+json").unwrap();
            let bytes = serde_json::to_vec(&Manifest::new(config, vec![layer.clone()])).unwrap();
            store.put(&bytes, MEDIA_MANIFEST).unwrap()
        };
        let index = |manifests: Vec<Descriptor>| {
            let index = Index { schema_version: 2, media_type: None, manifests, extra: Default::default() };
            store.put(&serde_json::to_vec(&index).unwrap(), MEDIA_INDEX).unwrap()
        };
        let (one, two) = (manifest(b"{}"), manifest(b"{ }"));
        let inner = index(vec![two.clone()]);
        let content = Content::read(&store, &index(vec![one.clone(), inner.clone(), one.clone()])).unwrap();
        let below: Vec<Digest> = content.below.iter().map(|document| document.descriptor.digest).collect();
        assert_eq!(below, [one.digest, two.digest, inner.digest]);
        assert_eq!(content.blobs().len(), 3);
        let lost = Descriptor { digest: Digest::of(b"lost"), ..one };
        let failure = Content::read(&store, &index(vec![lost])).unwrap_err();
        assert!(failure.what().contains("image-pull --all-platforms"), "{failure:?}");
    }
}
