//! Keeps the registries' answers about names, for each platform. The records are beside index.json and not in
//! it, because such an image may be here without its layers.

use crate::error::StoreError;
use crate::image::is_index;
use crate::import::{Select, read_top};
use crate::store::Store;
use crate::write;
use libwire::image::Descriptor;
use libwire::{Digest, Platform, Reference};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The directory of these records.
const DIR: &str = "remote";

/// A registry's answer about a name and a platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remote {
    /// The full name.
    pub name: String,
    /// The requested platform, in normal form.
    pub platform: String,
    /// The registry, as it is written in names.
    pub registry: String,
    /// The repository there.
    pub repository: String,
    /// The index that the name means; `None` if it means an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// The image's manifest. Its blob and that of its config are here.
    pub manifest: Descriptor,
    /// The image that had the name in the store then, but is no longer the one that the name means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    /// The time of the answer, in seconds since 1970.
    pub fetched: u64,
}

impl Remote {
    /// The digest that the name has at the registry.
    pub fn top(&self) -> Digest {
        self.index.unwrap_or(self.manifest.digest)
    }
}

impl Store {
    /// Writes an answer of a registry durably, in place of the answer before. Manifest and config must be durable.
    pub fn keep_remote(&self, remote: &Remote) -> Result<(), StoreError> {
        let path = self.remote_file(&remote.name, &remote.platform);
        self.write_record(&path, remote)?;
        match self.options().sync {
            true => {
                let file = std::fs::File::open(&path).and_then(|file| file.sync_all());
                file.map_err(StoreError::io(format!("cannot sync {}", path.display())))?;
                write::sync_dir(&self.path().join(DIR))
            }
            false => Ok(()),
        }
    }

    /// The last answer of a registry about a name and a platform.
    pub fn remote(&self, name: &Reference, platform: &Platform) -> Result<Option<Remote>, StoreError> {
        let (name, platform) = (name.pinned().to_string(), platform.normalised().to_string());
        let known: Option<Remote> = self.read_record(&self.remote_file(&name, &platform))?;
        Ok(known.filter(|known| known.name == name && known.platform == platform))
    }

    /// All answers of registries, in no order.
    pub fn remotes(&self) -> Result<Vec<Remote>, StoreError> {
        let dir = self.path().join(DIR);
        let names = match libtree::walk::names_at(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            names => names.map_err(StoreError::io(format!("cannot read {}", dir.display())))?,
        };
        names.iter().filter_map(|name| self.read_record(&dir.join(name)).transpose()).collect()
    }

    /// The manifest that a reference means for `platform`: that of its name in index.json, or else, or if the registry
    /// was asked since, that of the registry's answer, whose layers may be missing. An image for another platform is
    /// used if no other is known.
    pub fn resolve_for(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Option<Descriptor>, StoreError> {
        let mut named = self.resolve(reference)?;
        if let Some(index) = named.as_ref().filter(|found| is_index(&found.media_type)) {
            let select = Select { platform: platform.clone(), ..Select::default() };
            let read = read_top(&mut &*self, index, &select).ok();
            named = read.map(|read| self.entry(&read.image));
        }
        let remote = match self.remote(reference, platform)? {
            None => self.remote_of_tag(reference, platform)?,
            remote => remote,
        };
        let replaced = remote.as_ref().and_then(|remote| remote.replaces);
        let fits = |found: &Descriptor| {
            found.platform.as_ref().is_none_or(|own| own.rank(platform).is_some())
                && replaced != Some(found.digest)
        };
        match named {
            Some(found) if fits(&found) => Ok(Some(found)),
            named => {
                let said = remote.map(|remote| remote.manifest);
                let here = said.filter(|manifest| self.image(manifest).is_ok());
                Ok(here.or(named))
            }
        }
    }

    /// The registry's answer about the tag before a digest, if the answer was this digest.
    fn remote_of_tag(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Option<Remote>, StoreError> {
        let (Some(_), Some(digest)) = (reference.tag(), reference.digest()) else { return Ok(None) };
        let said = self.remote(&reference.without_digest(), platform)?;
        Ok(said.filter(|said| said.top() == digest))
    }

    fn remote_file(&self, name: &str, platform: &str) -> PathBuf {
        let key = Digest::of(format!("{name}\n{platform}").as_bytes());
        self.path().join(DIR).join(format!("{}.json", key.hex()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;
    use libwire::image::{ImageConfig, MEDIA_CONFIG, MEDIA_MANIFEST, Manifest};

    fn image(store: &Store, architecture: &str) -> Descriptor {
        let (architecture, os) = (architecture.to_owned(), "linux".to_owned());
        let config = ImageConfig { architecture, os, ..ImageConfig::default() };
        let config = store.put(&serde_json::to_vec(&config).unwrap(), MEDIA_CONFIG).unwrap();
        let manifest = serde_json::to_vec(&Manifest::new(config, Vec::new())).unwrap();
        let manifest = store.put(&manifest, MEDIA_MANIFEST).unwrap();
        store.entry(&store.image(&manifest).unwrap())
    }

    #[test]
    fn a_name_is_what_the_store_says_then_what_a_registry_said_for_the_platform() {
        let (_dir, store) = fixture();
        let [amd64, arm64, own] = ["amd64", "arm64", "amd64"].map(|name| image(&store, name));
        assert_eq!(amd64, own);
        let index = Digest::of(b"index");
        let pinned: Reference = format!("r.example/app:1@{index}").parse().unwrap();
        let tagged: Reference = "r.example/app:1".parse().unwrap();
        let platforms = ["linux/amd64", "linux/arm64/v8", "linux/s390x"];
        let platforms = platforms.map(|text| text.parse::<Platform>().unwrap());
        for name in [&pinned, &tagged] {
            for (manifest, platform) in [(&amd64, &platforms[0]), (&arm64, &platforms[1])] {
                let remote = Remote {
                    name: name.pinned().to_string(),
                    platform: platform.to_string(),
                    registry: name.domain().into(),
                    repository: name.path().into(),
                    index: Some(index),
                    manifest: manifest.clone(),
                    replaces: None,
                    fetched: 7,
                };
                store.keep_remote(&remote).unwrap();
                assert_eq!(store.remote(name, platform).unwrap(), Some(remote));
            }
            let found = |platform| store.resolve_for(name, platform).unwrap().map(|found| found.digest);
            assert_eq!(
                [&platforms[0], &platforms[1], &platforms[2]].map(found),
                [Some(amd64.digest), Some(arm64.digest), None]
            );
        }
        assert_eq!(store.remotes().unwrap().len(), 4);
        // The tag before a digest counts if it was this digest's.
        let other: Reference = "r.example/other:1".parse().unwrap();
        let said = store.remote(&tagged, &platforms[0]).unwrap().unwrap();
        store.keep_remote(&Remote { name: other.to_string(), repository: "other".into(), ..said }).unwrap();
        let found =
            |digest| store.resolve_for(&other.at(digest), &platforms[0]).unwrap().map(|found| found.digest);
        assert_eq!([index, Digest::of(b"another")].map(found), [Some(amd64.digest), None]);
        // A name of the store's own serves for its platform, and for one of which nothing else is known.
        let mine = store.image(&amd64).unwrap();
        let other = Descriptor { annotations: Default::default(), ..mine.descriptor };
        store.tag(&tagged, &other).unwrap();
        let found = |platform| store.resolve_for(&tagged, platform).unwrap().unwrap().digest;
        assert_eq!([&platforms[1], &platforms[2]].map(found), [arm64.digest, other.digest]);
        store.tag(&tagged, &arm64).unwrap();
        assert_eq!([&platforms[0], &platforms[2]].map(found), [amd64.digest, arm64.digest]);
        // A registry's different answer wins until the name is given to another image.
        let said = store.remote(&tagged, &platforms[1]).unwrap().unwrap();
        store.keep_remote(&Remote { manifest: amd64.clone(), replaces: Some(arm64.digest), ..said }).unwrap();
        assert_eq!(found(&platforms[1]), amd64.digest);
    }
}
