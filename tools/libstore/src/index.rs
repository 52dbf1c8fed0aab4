//! References: the image that each name means. They are entries of the layout's index.json.

use crate::blob::MAX_JSON;
use crate::cache::{seal, unseal};
use crate::error::StoreError;
use crate::image::parse;
use crate::layout::EMPTY_INDEX;
use crate::lease::Held;
use crate::store::Store;
use crate::{image, lock};
use libwire::Reference;
use libwire::image::{Descriptor, IMAGE_NAME, Index, MEDIA_INDEX, REF_NAME};
use std::io::Write;

/// A sealed copy of the last content of index.json.
const COPY: &str = "index.copy";

/// An image of the store, and its name if it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Its name.
    pub reference: Option<Reference>,
    /// Its manifest, as index.json describes it.
    pub descriptor: Descriptor,
}

impl Store {
    /// All images: an entry for each name, and one for each image without a name, in a stable order.
    pub fn images(&self) -> Result<Vec<Named>, StoreError> {
        let entry = |descriptor: Descriptor| Named { reference: name_of(&descriptor), descriptor };
        let mut all: Vec<_> = self.read_index()?.manifests.into_iter().map(entry).collect();
        all.sort_by(|a, b| {
            let key =
                |named: &Named| (named.reference.is_none(), named.reference.clone(), named.descriptor.digest);
            key(a).cmp(&key(b))
        });
        Ok(all)
    }

    /// The manifest that a reference means. A digest in it must be that of the image found, or of an image in the index
    /// found. A reference that is only a digest needs no name in the store.
    pub fn resolve(&self, reference: &Reference) -> Result<Option<Descriptor>, StoreError> {
        let all = self.images()?;
        let same_name = |named: &&Named| match &named.reference {
            Some(known) => known.name() == reference.name(),
            None => false,
        };
        let matches = |named: &&Named| match reference.digest() {
            // If the name means an index, the digest may be that of an image in it.
            Some(digest) => {
                let own = named.reference.as_ref().and_then(Reference::digest);
                named.descriptor.digest == digest || own == Some(digest)
            }
            None => named.reference.as_ref().and_then(|known| known.tag()) == reference.tag(),
        };
        let found = all.iter().filter(same_name).find(matches);
        let by_digest = |digest| {
            let listed = all.iter().find(|named| named.descriptor.digest == digest);
            listed.map(|named| named.descriptor.clone()).or_else(|| self.unlisted(digest))
        };
        Ok(match found {
            Some(named) => Some(named.descriptor.clone()),
            None => reference.as_digest().and_then(by_digest),
        })
    }

    /// Names an image durably, and takes the name from the image that had it. The image must be durable.
    pub fn tag(&self, reference: &Reference, manifest: &Descriptor) -> Result<(), StoreError> {
        self.tag_all(std::slice::from_ref(reference), manifest)
    }

    /// Gives an image several names at once; with none, records it without a name.
    pub fn tag_all(&self, references: &[Reference], manifest: &Descriptor) -> Result<(), StoreError> {
        // The image may have lost its last name since it was found.
        if !self.hold(Held::Blob(manifest.digest), || self.blob_path(manifest.digest).exists())? {
            let hint = "; it was removed meanwhile".into();
            return Err(StoreError::Missing { what: format!("image {}", manifest.digest), hint });
        }
        self.change_index(|index| {
            index.manifests.retain(|known| {
                let name = name_of(known);
                let renamed = name.as_ref().is_some_and(|name| references.contains(name));
                // An image that gets a name needs no nameless entry any more.
                let nameless = name.is_none() && known.digest == manifest.digest;
                !renamed && !nameless
            });
            let known = index.manifests.iter().any(|known| known.digest == manifest.digest);
            if references.is_empty() && !known {
                index.manifests.push(manifest.clone());
            }
            index.manifests.extend(references.iter().map(|reference| named(manifest, reference)));
        })
    }

    /// Removes names, all or none of them, and returns those that no image has. An image that loses its last name stays
    /// without a name.
    pub fn untag(&self, references: &[Reference]) -> Result<Vec<Reference>, StoreError> {
        let mut missing = references.to_vec();
        self.change_index(|index| {
            let of_these = |known: &Descriptor| name_of(known).is_some_and(|name| references.contains(&name));
            let (named, others): (Vec<_>, Vec<_>) = index.manifests.iter().cloned().partition(of_these);
            missing.retain(|name| !named.iter().any(|known| name_of(known).as_ref() == Some(name)));
            if !missing.is_empty() {
                return;
            }
            index.manifests = others;
            for mut image in named {
                if !index.manifests.iter().any(|known| known.digest == image.digest) {
                    image.annotations.retain(|key, _| ![REF_NAME, IMAGE_NAME].contains(&key.as_str()));
                    index.manifests.push(image);
                }
            }
        })?;
        Ok(missing)
    }

    /// The content of index.json. The error says who repairs it.
    pub(crate) fn read_index(&self) -> Result<Index, StoreError> {
        self.checked_index().map_err(|error| match error {
            StoreError::Corrupt { what, why } => {
                StoreError::corrupt(what, why + "; store-check --repair rebuilds it")
            }
            error => error,
        })
    }

    /// The content of index.json. The error says only what is wrong, for store-check itself.
    pub(crate) fn checked_index(&self) -> Result<Index, StoreError> {
        let path = self.path().join("index.json");
        let file =
            std::fs::File::open(&path).map_err(StoreError::io(format!("cannot read {}", path.display())))?;
        let bytes = image::read_limited(file, MAX_JSON)
            .map_err(StoreError::io(format!("cannot read {}", path.display())))?;
        serde_json::from_slice(&bytes).map_err(|error| StoreError::corrupt("index.json", error.to_string()))
    }

    /// The last content of index.json, if it is known.
    pub(crate) fn index_copy(&self) -> Option<Index> {
        let bytes = std::fs::read(self.path().join(COPY)).ok()?;
        serde_json::from_slice(unseal(&bytes).ok()?).ok()
    }

    /// Writes index.json anew if it can't be read: its last entries whose images are still here, and the other `images`
    /// without names. Returns `false` if it can be read.
    pub fn rebuild_index(&self, images: &[Descriptor]) -> Result<bool, StoreError> {
        let lock = self.index_lock()?;
        if self.read_index().is_ok() {
            return Ok(false);
        }
        let empty = || parse("index.json", EMPTY_INDEX.as_bytes());
        let mut index = self.index_copy().map_or_else(empty, Ok)?;
        index.manifests.retain(|image| self.blob_path(image.digest).exists());
        for image in images {
            if !index.manifests.iter().any(|known| known.digest == image.digest) {
                index.manifests.push(image.clone());
            }
        }
        self.write_index(&index)?;
        drop(lock);
        Ok(true)
    }

    fn index_lock(&self) -> Result<std::fs::File, StoreError> {
        lock::take(&self.path().join("index.lock"), lock::Mode::Exclusive, self.options().lock_timeout)
    }

    pub(crate) fn change_index(&self, change: impl FnOnce(&mut Index)) -> Result<(), StoreError> {
        let lock = self.index_lock()?;
        let before = self.read_index()?;
        let mut index = before.clone();
        change(&mut index);
        if index != before {
            self.write_index(&index)?;
        }
        drop(lock);
        Ok(())
    }

    fn write_index(&self, index: &Index) -> Result<(), StoreError> {
        let what = "cannot write index.json";
        let mut index = index.clone();
        index.media_type = Some(MEDIA_INDEX.into());
        let mut bytes = serde_json::to_vec(&index).map_err(|error| StoreError::io(what)(error.into()))?;
        bytes.push(b'\n');
        let mut temp = self.temp()?;
        temp.file.write_all(&bytes).map_err(StoreError::io(what))?;
        self.sync_file(&temp.file, what)?;
        temp.replace(&self.tmp(), &self.path().join("index.json")).map_err(StoreError::io(what))?;
        self.sync_dir(".")?;
        // It is not synced, because a cut copy is recognised as invalid.
        self.write_raw(&self.path().join(COPY), &seal(bytes.trim_ascii_end()))
    }
}

fn named(manifest: &Descriptor, reference: &Reference) -> Descriptor {
    let mut descriptor = manifest.clone();
    descriptor.annotations.insert(REF_NAME.into(), reference.familiar());
    descriptor.annotations.insert(IMAGE_NAME.into(), reference.to_string());
    descriptor
}

/// The name of an index entry; entries of other tools have only a ref.name.
pub(crate) fn name_of(descriptor: &Descriptor) -> Option<Reference> {
    let annotation = |key: &str| descriptor.annotations.get(key);
    let text = annotation(IMAGE_NAME).or_else(|| annotation(REF_NAME))?;
    Reference::parse(text).ok()
}

/// Whether an index entry has the name `text`, in whichever annotation.
pub(crate) fn is_named(descriptor: &Descriptor, text: &str) -> bool {
    let annotation = |key: &str| descriptor.annotations.get(key).map(String::as_str);
    let parsed = Reference::parse(text).ok();
    annotation(REF_NAME) == Some(text)
        || annotation(IMAGE_NAME) == Some(text)
        || (parsed.is_some() && name_of(descriptor) == parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use libwire::Digest;
    use libwire::image::{MEDIA_MANIFEST, Manifest};
    use std::time::Duration;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { lock_timeout: Some(Duration::from_millis(20)), ..Options::default() };
        let store = Store::open(&dir.path().join("s"), options).unwrap();
        (dir, store)
    }

    fn reference(text: &str) -> Reference {
        Reference::parse(text).unwrap()
    }

    #[test]
    fn a_name_means_the_image_tagged_last() {
        let (_dir, store) = store();
        let one = store.put(b"1", "x").unwrap();
        let two = store.put(b"2", "x").unwrap();
        store.tag(&reference("app"), &one).unwrap();
        store.tag_all(&[reference("app"), reference("app:2")], &two).unwrap();
        assert_eq!(
            store.resolve(&reference("docker.io/library/app:latest")).unwrap().unwrap().digest,
            two.digest
        );
        assert_eq!(store.images().unwrap().len(), 2);
        let whole = |image: &Descriptor| reference(&image.digest.to_string());
        assert_eq!(store.resolve(&whole(&two)).unwrap().unwrap().digest, two.digest);
        assert_eq!(store.resolve(&whole(&one)).unwrap(), None, "it is no manifest");
    }

    #[test]
    fn a_digest_means_a_manifest_that_has_no_name() {
        let (_dir, store) = store();
        let config = store.put(b"{}", "x").unwrap();
        let manifest = serde_json::to_vec(&Manifest::new(config, Vec::new())).unwrap();
        let manifest = store.put(&manifest, MEDIA_MANIFEST).unwrap();
        let found = store.resolve(&reference(&manifest.digest.to_string())).unwrap().unwrap();
        assert_eq!(found.digest, manifest.digest);
        let other = Digest::of(b"other");
        assert_eq!(store.resolve(&reference(&format!("sha256:{}", other.hex()))).unwrap(), None);
        assert_eq!(store.resolve(&reference(&format!("me/sha256:{}", manifest.digest.hex()))).unwrap(), None);
    }

    #[test]
    fn an_image_without_a_name_is_listed_once_until_it_gets_one() {
        let (_dir, store) = store();
        let image = store.put(b"1", "x").unwrap();
        store.tag_all(&[], &image).unwrap();
        store.tag_all(&[], &image).unwrap();
        assert_eq!(store.images().unwrap().len(), 1);
        store.tag(&reference("app"), &image).unwrap();
        let images = store.images().unwrap();
        assert_eq!((images.len(), images[0].reference.clone()), (1, Some(reference("app"))));
    }

    #[test]
    fn names_go_all_or_none_and_the_image_stays() {
        let (_dir, store) = store();
        let image = store.put(b"1", "x").unwrap();
        let names = ["app", "app:2", "other"].map(reference);
        store.tag_all(&names, &image).unwrap();
        let left = || store.images().unwrap().into_iter().map(|named| named.reference).collect::<Vec<_>>();
        let unknown = reference("unknown");
        assert_eq!(store.untag(&[names[0].clone(), unknown.clone()]).unwrap(), [unknown]);
        assert_eq!(left().len(), 3);
        assert_eq!(store.untag(&names[..2]).unwrap(), []);
        assert_eq!(left(), [Some(names[2].clone())]);
        assert_eq!(store.untag(&names[2..]).unwrap(), []);
        assert_eq!(left(), [None]);
        assert_eq!(store.images().unwrap()[0].descriptor, image, "nothing is left of its names");
    }

    #[test]
    fn writers_of_different_names_both_win() {
        let (_dir, store) = store();
        let store = Store::open(store.path(), Options::default()).unwrap();
        let image = store.put(b"1", "x").unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (store, image) = (&store, &image);
                scope.spawn(move || store.tag(&reference(&format!("app:{n}")), image).unwrap());
            }
        });
        assert_eq!(store.images().unwrap().len(), 8);
    }

    #[test]
    fn a_held_lock_stops_writers_and_not_readers() {
        let (_dir, store) = store();
        let image = store.put(b"1", "x").unwrap();
        let held = lock::take(&store.path().join("index.lock"), lock::Mode::Exclusive, None).unwrap();
        assert!(matches!(store.tag(&reference("a"), &image), Err(StoreError::Locked { .. })));
        assert!(store.images().unwrap().is_empty());
        drop(held);
        store.tag(&reference("a"), &image).unwrap();
    }
}
