//! Reads the JSON of images from a registry, or from the store by its digest. The registry's error is kept, because a
//! reader may take it for a missing document.

use libhttp::FetchError;
use libregistry::Session;
use libstore::{Documents, Store, StoreError};
use libwire::Digest;
use libwire::image::Descriptor;
use std::collections::BTreeMap;

/// The media types to ask for: indexes and manifests of images, and no older formats.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// The most documents that are requested for one name, because an index without platforms must not cause thousands of
/// requests.
const MOST: usize = 64;

/// Reads documents of a repository, each once.
pub struct Remote<'s, 'c> {
    store: &'s Store,
    session: &'s Session<'c>,
    known: BTreeMap<Digest, Vec<u8>>,
    /// The registry's first error.
    pub failure: Option<FetchError>,
}

impl<'s, 'c> Remote<'s, 'c> {
    /// Begins with one document.
    pub fn new(store: &'s Store, session: &'s Session<'c>, top: &Descriptor, bytes: Vec<u8>) -> Self {
        Self { store, session, known: BTreeMap::from([(top.digest, bytes)]), failure: None }
    }

    fn ask(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, FetchError> {
        if ACCEPT.split(", ").any(|kind| kind == descriptor.media_type) {
            let manifest = self.session.manifest(&descriptor.digest.to_string(), &descriptor.media_type)?;
            return Ok(manifest.map(|manifest| manifest.bytes));
        }
        self.session.past_bad_mirrors(|| self.blob(descriptor)).map(Some)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, FetchError> {
        let mut blob = self.session.stream(descriptor.digest, descriptor.size);
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match blob.next(&mut buffer)? {
                0 => return Ok(bytes),
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

impl Documents for Remote<'_, '_> {
    fn read(&mut self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, StoreError> {
        let bad = |what: String| StoreError::invalid(format!("blob {}", descriptor.digest), what);
        if descriptor.size > limit {
            return Err(bad(format!("has {} bytes; the most that is read is {limit}", descriptor.size)));
        }
        if let Some(bytes) = self.known.get(&descriptor.digest) {
            return Ok(bytes.clone());
        }
        if self.store.has_blob(descriptor)? {
            return self.store.read_blob(descriptor, limit);
        }
        if self.known.len() >= MOST {
            return Err(bad(format!("more than {MOST} documents are in the way to the image")));
        }
        let bytes = match self.ask(descriptor) {
            Ok(bytes) => bytes.ok_or_else(|| bad("the registry does not have it".into()))?,
            Err(error) => {
                let what = bad(error.to_string());
                self.failure.get_or_insert(error);
                return Err(what);
            }
        };
        let found = Digest::of(&bytes);
        if found != descriptor.digest || bytes.len() as u64 != descriptor.size {
            return Err(bad(format!("the registry sends {} bytes with the digest {found}", bytes.len())));
        }
        self.known.insert(found, bytes.clone());
        Ok(bytes)
    }
}
