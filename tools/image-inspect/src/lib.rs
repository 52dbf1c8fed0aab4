//! The store's facts about an image or an index, put together for JSON. Nothing is written, and no layer is
//! opened.

use libcli::Failure;
use libstore::{Image, Store};
use libwire::image::{ContainerConfig, Descriptor, History};
use libwire::{Digest, Platform, Reference};
use serde::Serialize;
use std::collections::BTreeMap;

/// The annotation of a manifest with the name of the image that this one was built from.
const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The annotation with its digest.
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
/// The annotation of what an index says about one of its images.
const ABOUT: &str = "vnd.docker.reference.digest";
/// How deep indexes may stand in indexes.
const DEPTH: usize = 4;

/// An image, an index, or what an index has beside images.
#[derive(Debug, Serialize)]
pub struct Facts {
    digest: Digest,
    media_type: String,
    names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    content: Content,
}

/// The members that depend on what it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content {
    Image(Box<Details>),
    Index { images: Vec<Facts> },
    // An image that is not in the store, or what is said about another.
    Other {},
}

#[derive(Debug, Serialize)]
struct Details {
    config_digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Base>,
    config: ContainerConfig,
    history: Vec<History>,
    layers: Vec<Layer>,
}

#[derive(Debug, Serialize)]
struct Base {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

#[derive(Debug, Serialize)]
struct Layer {
    digest: Digest,
    diff_id: Digest,
    media_type: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<u64>,
}

/// The facts that `store` has about the image or index named `image`.
pub fn inspect(store: &Store, image: &str) -> Result<Facts, Failure> {
    let named = store.find(image)?;
    let mut names: BTreeMap<Digest, Vec<Reference>> = BTreeMap::new();
    for known in store.images()? {
        names.entry(known.descriptor.digest).or_default().extend(known.reference);
    }
    let look = Look { store, names, sizes: store.content_sizes(), asked: named.reference };
    look.at(&named.descriptor, DEPTH)
}

struct Look<'a> {
    store: &'a Store,
    names: BTreeMap<Digest, Vec<Reference>>,
    sizes: BTreeMap<Digest, u64>,
    /// The name that was asked for.
    asked: Option<Reference>,
}

impl Look<'_> {
    fn at(&self, descriptor: &Descriptor, depth: usize) -> Result<Facts, Failure> {
        let names = self.names.get(&descriptor.digest).into_iter().flatten();
        let mut facts = Facts {
            digest: descriptor.digest,
            media_type: descriptor.media_type.clone(),
            names: names.map(Reference::familiar).collect(),
            platform: descriptor.platform.as_ref().map(Platform::to_string),
            annotations: BTreeMap::new(),
            content: Content::Other {},
        };
        if let Some(index) = self.store.index(descriptor)? {
            if depth == 0 {
                let what = format!("indexes stand more than {DEPTH} deep in indexes");
                return Err(Failure::bad_input(format!("index {}", descriptor.digest), what));
            }
            let images = index.manifests.iter().map(|entry| self.entry(entry, depth - 1));
            facts.content = Content::Index { images: images.collect::<Result<_, _>>()? };
            return Ok(facts);
        }
        let image = self.store.image(descriptor)?;
        facts.platform = Some(Platform::of_config(&image.config).to_string());
        facts.annotations.clone_from(&image.manifest.annotations);
        facts.content = Content::Image(Box::new(self.details(image)));
        Ok(facts)
    }

    /// The facts about an entry of an index. If the entry is not in the store or is no image, they come from
    /// the index alone.
    fn entry(&self, entry: &Descriptor, depth: usize) -> Result<Facts, Failure> {
        match entry.annotations.contains_key(ABOUT) || !self.store.has_blob(entry)? {
            false => self.at(entry, depth),
            true => Ok(Facts {
                digest: entry.digest,
                media_type: entry.media_type.clone(),
                names: Vec::new(),
                platform: entry.platform.as_ref().map(Platform::to_string),
                annotations: entry.annotations.clone(),
                content: Content::Other {},
            }),
        }
    }

    fn details(&self, image: Image) -> Details {
        let base = self.base(&image);
        let Image { descriptor, manifest, config } = image;
        let blobs: u64 = manifest.layers.iter().map(|layer| layer.size).sum();
        let layer = |(layer, diff_id): (Descriptor, Digest)| Layer {
            digest: layer.digest,
            diff_id,
            media_type: layer.media_type,
            size: layer.size,
            content: self.sizes.get(&diff_id).copied(),
        };
        Details {
            config_digest: manifest.config.digest,
            created: config.created,
            author: config.author,
            size: blobs + manifest.config.size + descriptor.size,
            base,
            config: config.config,
            history: config.history,
            layers: manifest.layers.into_iter().zip(config.rootfs.diff_ids).map(layer).collect(),
        }
    }

    /// The image that this one was built from: by the store's record of its build, else by its own
    /// annotations.
    fn base(&self, image: &Image) -> Option<Base> {
        let digest = image.descriptor.digest;
        let own = self.names.get(&digest).and_then(|names| names.first());
        let (name, digest) = match self.store.provenance(digest, self.asked.as_ref().or(own)) {
            Some(known) => (known.base.image, known.base.manifest.map(|digest| digest.to_string())),
            None => {
                let annotation = |key| image.manifest.annotations.get(key).cloned();
                (annotation(BASE_NAME), annotation(BASE_DIGEST))
            }
        };
        (name.is_some() || digest.is_some()).then_some(Base { name, digest })
    }
}
