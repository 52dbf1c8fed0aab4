//! Which repositories of a registry may have a blob already: those whose names the store knows for images with that blob,
//! or knows from a registry.
//! A guess that is wrong costs nothing much: the registry begins an upload instead.

use crate::content::Content;
use libregistry::Repository;
use libstore::Store;
use libwire::Digest;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// How many repositories a registry is asked to mount one blob from.
const MOST: usize = 2;

/// The repositories that the store knows, and those that were told.
pub struct Neighbours<'a> {
    store: &'a Store,
    told: Vec<Repository>,
    known: OnceLock<BTreeMap<Digest, Vec<Repository>>>,
}

impl<'a> Neighbours<'a> {
    /// Those of the store, after `told`. The store is read when somebody asks.
    pub fn new(store: &'a Store, told: Vec<Repository>) -> Self {
        Self { store, told, known: OnceLock::new() }
    }

    /// The names of repositories at the registry of `own` that may have a blob, after those `before`.
    pub fn of(&self, blob: Digest, own: &Repository, before: &[Repository]) -> Vec<String> {
        let known = self.known.get_or_init(|| known(self.store));
        let candidates = self.told.iter().chain(before).chain(known.get(&blob).into_iter().flatten());
        let mut paths: Vec<String> = Vec::new();
        for other in candidates.filter(|other| other.domain() == own.domain()) {
            if other.path() != own.path() && !paths.iter().any(|path| path == other.path()) {
                paths.push(other.path().to_owned());
            }
        }
        paths.truncate(MOST);
        paths
    }
}

/// The blobs of all named images, and of those that a registry was asked about, whose layers may be there alone. An image
/// that can't be read is nobody's neighbour.
fn known(store: &Store) -> BTreeMap<Digest, Vec<Repository>> {
    let named = store.images().unwrap_or_default().into_iter();
    let named = named.filter_map(|named| Some((named.reference?.to_string(), named.descriptor)));
    let said = store.remotes().unwrap_or_default().into_iter().map(|said| (said.name, said.manifest));
    let mut known: BTreeMap<Digest, Vec<Repository>> = BTreeMap::new();
    for (name, descriptor) in said.chain(named) {
        let Ok(repository) = Repository::parse(&name) else { continue };
        let Ok(content) = Content::read(store, &descriptor) else { continue };
        for blob in content.blobs() {
            let repositories = known.entry(blob.digest).or_default();
            if !repositories.contains(&repository) {
                repositories.push(repository.clone());
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use libstore::Options;
    use libwire::Reference;
    use libwire::image::{MEDIA_MANIFEST, Manifest};

    #[test]
    fn a_neighbour_is_at_the_same_registry_and_has_the_blob() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        let config = store.put(b"{}", "application/vnd.oci.image.config.v1+json").unwrap();
        let blob = config.digest;
        let manifest = serde_json::to_vec(&Manifest::new(config, Vec::new())).unwrap();
        let manifest = store.put(&manifest, MEDIA_MANIFEST).unwrap();
        for name in ["r.example/base:1", "r.example/base:2", "r.example/app", "s.example/other", "short"] {
            store.tag(&Reference::parse(name).unwrap(), &manifest).unwrap();
        }
        let own = Repository::parse("r.example/app").unwrap();
        let of = |told: &[&str], blob| {
            let told = told.iter().map(|name| Repository::parse(name).unwrap()).collect();
            Neighbours::new(&store, told).of(blob, &own, &[])
        };
        assert_eq!(of(&[], blob), ["base"]);
        assert_eq!(of(&["r.example/told", "s.example/told"], blob), ["told", "base"]);
        assert_eq!(of(&["r.example/told"], Digest::of(b"other")), ["told"]);
        let said = libstore::Remote {
            name: "r.example/from/there:1".into(),
            platform: "linux/amd64".into(),
            registry: "r.example".into(),
            repository: "from/there".into(),
            index: None,
            manifest,
            replaces: None,
            fetched: 0,
        };
        store.keep_remote(&said).unwrap();
        assert_eq!(of(&[], blob), ["from/there", "base"], "what a registry said of a base comes first");
    }
}
