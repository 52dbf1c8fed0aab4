//! Gives images of the store names, and takes names away. No blob is written or removed.

use libcli::Failure;
use libstore::{Store, StoreError};
use libwire::Reference;
use libwire::image::Descriptor;

/// A name that an image may be given, as the user wrote it.
pub fn name(text: &str) -> Result<Reference, String> {
    let name = Reference::parse(text).map_err(|bad| bad.to_string())?;
    match name.digest().or_else(|| name.as_digest()) {
        Some(_) => Err("a name here has no digest; write NAME or NAME:TAG".into()),
        None => Ok(name),
    }
}

/// Gives the image that `image` means these names, each of which is taken from the image that had it.
pub fn tag(store: &Store, image: &str, names: &[Reference]) -> Result<(), Failure> {
    let descriptor = store.find(image)?.descriptor;
    // Whatever the store lists is whole. A base of which only manifest and config were needed is here without being listed.
    if !store.images()?.iter().any(|named| named.descriptor.digest == descriptor.digest) {
        check_whole(store, image, &descriptor)?;
    }
    Ok(store.tag_all(names, &descriptor)?)
}

fn check_whole(store: &Store, image: &str, descriptor: &Descriptor) -> Result<(), Failure> {
    for layer in &store.image(descriptor)?.manifest.layers {
        if !store.has_blob(layer)? {
            let hint = format!(", so {image} can't have a name yet; image-pull or image-load brings it");
            let what = format!("layer {}", layer.digest);
            return Err(StoreError::Missing { what, hint }.into());
        }
    }
    Ok(())
}

/// Takes names away, all or none. The images stay.
pub fn delete(store: &Store, names: &[Reference]) -> Result<(), Failure> {
    let missing: Vec<String> = store.untag(names)?.iter().map(Reference::familiar).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => {
            let what = format!("name {}", missing.join(", "));
            let hint = ", and no name was taken away; image-list shows what is".into();
            Err(StoreError::Missing { what, hint }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libstore::Options;
    use libwire::image::{ImageConfig, MEDIA_CONFIG, MEDIA_LAYER, MEDIA_MANIFEST, Manifest};
    use serde_json::to_vec;

    #[test]
    fn an_image_that_is_not_whole_gets_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        let layer = store.put(b"layer", MEDIA_LAYER).unwrap();
        let mut config = ImageConfig::default();
        config.rootfs.diff_ids.push(layer.digest);
        let config = store.put(&to_vec(&config).unwrap(), MEDIA_CONFIG).unwrap();
        let manifest = to_vec(&Manifest::new(config, vec![layer.clone()])).unwrap();
        let image = store.put(&manifest, MEDIA_MANIFEST).unwrap().digest.to_string();
        let names = [name("app").unwrap()];
        std::fs::remove_file(dir.path().join("s/blobs/sha256").join(layer.digest.hex())).unwrap();
        let error = tag(&store, &image, &names).unwrap_err();
        assert!(error.what().contains("image-pull or image-load brings it"), "{error:?}");
        assert_eq!(store.images().unwrap(), []);
        store.put(b"layer", MEDIA_LAYER).unwrap();
        tag(&store, &image, &names).unwrap();
        assert_eq!(store.images().unwrap().len(), 1);
    }

    #[test]
    fn a_digest_is_no_name() {
        let digest = format!("sha256:{:064}", 0);
        for text in [&digest, &format!("app@{digest}"), &format!("app:1@{digest}")] {
            assert!(name(text).is_err(), "{text}");
        }
        assert_eq!(name("app").unwrap().familiar(), "app:latest");
    }
}
