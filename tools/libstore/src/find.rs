//! Finds the image of the store that a user's text means: a name, a digest, or the start of one.

use crate::blob::{self, MAX_JSON};
use crate::error::StoreError;
use crate::image::{is_index, is_manifest, parse};
use crate::index::Named;
use crate::lease::Held;
use crate::store::Store;
use libwire::image::{Descriptor, Index, MEDIA_MANIFEST, Manifest};
use libwire::{Digest, Reference};

/// The least number of digits that can be the start of a digest.
const FEWEST: usize = 6;
/// The depth to which indexes may be nested.
const DEPTH: usize = 4;

/// The digits in a text that is a digest or the start of one.
pub fn start_of_digest(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (is_hex && (FEWEST..=64).contains(&digits.len())).then_some(digits)
}

impl Store {
    /// The image that `text` names: a name, the digest of its manifest or config, or the start of one that no other
    /// image has. A whole digest may be that of a manifest that is not listed. The reference is only set if `text` is a
    /// name.
    pub fn find(&self, text: &str) -> Result<Named, StoreError> {
        let named = self.look_for(text)?;
        self.hold(Held::Blob(named.descriptor.digest), || ())?;
        Ok(named)
    }

    fn look_for(&self, text: &str) -> Result<Named, StoreError> {
        let reference = Reference::parse(text);
        if let Ok(reference) = &reference
            && let Some(descriptor) = self.resolve(reference)?
            && reference.as_digest() != Some(descriptor.digest)
        {
            return Ok(Named { reference: Some(reference.clone()), descriptor });
        }
        let fitting = match (start_of_digest(text), &reference) {
            (Some(digits), _) => self.fitting(digits)?,
            (None, Err(bad)) => return Err(StoreError::invalid("reference", bad.to_string())),
            (None, Ok(_)) => Vec::new(),
        };
        let unlisted = || text.parse().ok().and_then(|digest| self.unlisted(digest));
        match fitting.as_slice() {
            [] => unlisted().map(|descriptor| Named { reference: None, descriptor }).ok_or_else(|| {
                StoreError::Missing {
                    what: format!("image {text:?}"),
                    hint: "; image-list shows what is, image-pull, image-load or a build adds to it".into(),
                }
            }),
            [one] => Ok(Named { reference: None, descriptor: one.clone() }),
            several => Err(self.ambiguous(text, several)?),
        }
    }

    /// The index of `descriptor`; `None` if it is an image.
    pub fn index(&self, descriptor: &Descriptor) -> Result<Option<Index>, StoreError> {
        if !is_index(&descriptor.media_type) {
            return Ok(None);
        }
        parse(&format!("index {}", descriptor.digest), &self.read_blob(descriptor, MAX_JSON)?).map(Some)
    }

    /// The listed images and indexes, and the images in these, that have a digest that starts with `digits`: each once,
    /// or only the one with exactly this digest.
    fn fitting(&self, digits: &str) -> Result<Vec<Descriptor>, StoreError> {
        let mut all = Vec::new();
        for named in self.images()? {
            self.gather(named.descriptor, DEPTH, &mut all);
        }
        let starts = |digest: Digest| digest.hex().starts_with(digits);
        let own = |image: &&Descriptor| starts(image.digest);
        if digits.len() == 64
            && let Some(image) = all.iter().find(own)
        {
            return Ok(vec![image.clone()]);
        }
        all.retain(|image| starts(image.digest) || self.config_of(image).is_some_and(starts));
        Ok(all)
    }

    /// Adds an image, or an index and the images in it that are here. A damaged index has none.
    fn gather(&self, image: Descriptor, depth: usize, all: &mut Vec<Descriptor>) {
        if all.iter().any(|known| known.digest == image.digest) {
            return;
        }
        let index = if depth > 0 { self.index(&image).ok().flatten() } else { None };
        all.push(image);
        let inside = index.into_iter().flat_map(|index| index.manifests);
        for image in inside.filter(|image| self.blob_path(image.digest).exists()) {
            self.gather(image, depth - 1, all);
        }
    }

    /// The config of an image; `None` for an index, or for an image that can't be read.
    fn config_of(&self, image: &Descriptor) -> Option<Digest> {
        let manifest: Manifest = serde_json::from_slice(&self.read_blob(image, MAX_JSON).ok()?).ok()?;
        Some(manifest.config.digest)
    }

    /// The descriptor of a blob that is a manifest.
    pub(crate) fn unlisted(&self, digest: Digest) -> Option<Descriptor> {
        let found = || self.blob_path(digest).symlink_metadata();
        let size = self.hold(Held::Blob(digest), found).ok()?.ok()?.len();
        let unknown = blob::descriptor("", digest, size);
        let manifest: Manifest = serde_json::from_slice(&self.read_blob(&unknown, MAX_JSON).ok()?).ok()?;
        let media_type = manifest.media_type.unwrap_or_else(|| MEDIA_MANIFEST.into());
        is_manifest(&media_type).then_some(Descriptor { media_type, ..unknown })
    }

    fn ambiguous(&self, text: &str, fitting: &[Descriptor]) -> Result<StoreError, StoreError> {
        let listed = self.images()?;
        let said = |image: &Descriptor| {
            let named = listed.iter().find(|named| named.descriptor.digest == image.digest);
            match named.and_then(|named| named.reference.as_ref()) {
                Some(name) => format!("{} ({})", name.familiar(), image.digest),
                None => image.digest.to_string(),
            }
        };
        let images = fitting.iter().map(said).collect::<Vec<_>>().join(" and ");
        let what = format!("means several images: {images}; give more digits, or a manifest's digest");
        Ok(StoreError::invalid(format!("image {text:?}"), what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;
    use libwire::image::{ImageConfig, MEDIA_CONFIG, MEDIA_INDEX};

    /// An image that differs by its author and by an annotation of its manifest.
    fn image(store: &Store, author: &str, note: &str) -> (Descriptor, Digest) {
        let config = ImageConfig { author: Some(author.into()), ..ImageConfig::default() };
        let config = store.put(&serde_json::to_vec(&config).unwrap(), MEDIA_CONFIG).unwrap();
        let digest = config.digest;
        let mut manifest = Manifest::new(config, Vec::new());
        manifest.annotations.insert("note".into(), note.into());
        (store.put(&serde_json::to_vec(&manifest).unwrap(), MEDIA_MANIFEST).unwrap(), digest)
    }

    fn found(store: &Store, text: &str) -> Digest {
        store.find(text).unwrap().descriptor.digest
    }

    #[test]
    fn an_image_is_found_by_its_names_its_digests_and_their_starts() {
        let (_dir, store) = fixture();
        let (one, config) = image(&store, "one", "");
        let (other, _) = image(&store, "other", "");
        store.tag_all(&["app".parse().unwrap(), "app:2".parse().unwrap()], &one).unwrap();
        store.tag_all(&[], &other).unwrap();
        for text in ["app", "docker.io/library/app:latest", "app:2", &format!("app@{}", one.digest)] {
            let named = store.find(text).unwrap();
            assert_eq!((named.descriptor.digest, named.reference), (one.digest, text.parse().ok()), "{text}");
        }
        for digest in [one.digest, config] {
            for text in [&digest.to_string(), &digest.hex(), &digest.to_string()[..13], &digest.hex()[..6]] {
                let named = store.find(text).unwrap();
                assert_eq!((named.descriptor.digest, named.reference), (one.digest, None), "{text}");
            }
            assert!(store.find(&digest.hex()[..5]).is_err(), "too short");
        }
        assert_eq!(found(&store, &other.digest.hex()[..8]), other.digest);
        assert!(store.find("nothing").unwrap_err().to_string().contains("image-list shows what is"));
        store.tag(&"aaaaaa".parse().unwrap(), &other).unwrap();
        assert_eq!(found(&store, "aaaaaa"), other.digest, "a name is asked first");
    }

    #[test]
    fn an_image_in_an_index_is_found_where_it_is_here() {
        let (_dir, store) = fixture();
        let (one, config) = image(&store, "one", "");
        let gone = blob::descriptor(MEDIA_MANIFEST, Digest::of(b"gone"), 4);
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": [gone, one] });
        let index = store.put(&serde_json::to_vec(&index).unwrap(), MEDIA_INDEX).unwrap();
        store.tag(&"both".parse().unwrap(), &index).unwrap();
        assert_eq!(found(&store, &index.digest.hex()[..12]), index.digest);
        assert_eq!(found(&store, &one.digest.hex()[..12]), one.digest);
        assert_eq!(found(&store, &config.to_string()), one.digest);
        assert!(store.find(&gone.digest.to_string()).is_err());
    }

    #[test]
    fn what_fits_two_images_is_an_error_that_names_both() {
        let (_dir, store) = fixture();
        let (one, config) = image(&store, "same", "one");
        let (two, same) = image(&store, "same", "two");
        assert_eq!(config, same);
        store.tag(&"one".parse().unwrap(), &one).unwrap();
        assert_eq!(found(&store, &config.to_string()), one.digest, "the other is not listed");
        store.tag_all(&[], &two).unwrap();
        let error = store.find(&config.hex()[..12]).unwrap_err().to_string();
        assert!(error.contains(&format!("one:latest ({}) and {};", one.digest, two.digest)), "{error}");
        assert_eq!(found(&store, &two.digest.to_string()), two.digest);
    }
}
