//! Finds the blobs that images share: a store, a node or a registry has them once for several images. It only reads
//! manifests. Layers, config and manifest count, as in a registry.

pub mod text;

#[cfg(test)]
mod tests;

use libimage::blobs::{blobs, layers};
use libimage::source::Opened;
use libwire::Digest;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The blobs that some images share among themselves.
#[derive(Debug, PartialEq, Serialize)]
pub struct Sharing {
    /// The images, in the order they were named.
    pub images: Vec<Share>,
    /// Bytes of all their blobs, each once: what keeping all of them takes.
    pub together: u64,
    /// Bytes of all their blobs, each as often as an image has it: what they would take without sharing.
    pub apart: u64,
    /// The layers that several have, those that save most first.
    pub shared: Vec<SharedLayer>,
}

/// One of the images.
#[derive(Debug, PartialEq, Serialize)]
pub struct Share {
    /// As the user named it; of all a store has, its names.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// Bytes of its blobs.
    pub size: u64,
    /// Bytes of those that others have too.
    pub shared: u64,
    /// Bytes of those that no other has: what removing it frees.
    pub unique: u64,
    /// How many of the others share something with it.
    pub with: usize,
}

/// A layer that several images have.
#[derive(Debug, PartialEq, Serialize)]
pub struct SharedLayer {
    /// Its blob.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: u64,
    /// How many images have it.
    pub images: usize,
    /// Which, by their positions from 0.
    pub of: Vec<usize>,
}

/// The cost of pulling an image for a node that has others.
#[derive(Debug, PartialEq, Serialize)]
pub struct Pull {
    /// The image.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// Bytes of its blobs.
    pub size: u64,
    /// Bytes of those that are not there.
    pub pull: u64,
    /// How many layers it has.
    pub layers: usize,
    /// How many of them are not there.
    pub missing: usize,
}

fn sum<'a>(sizes: impl IntoIterator<Item = &'a u64>) -> u64 {
    sizes.into_iter().sum()
}

/// The blobs that images share.
pub fn sharing(images: &[Opened]) -> Sharing {
    let all: Vec<BTreeMap<Digest, u64>> = images.iter().map(|opened| blobs(&opened.image)).collect();
    let mut owners: BTreeMap<Digest, (u64, Vec<usize>)> = BTreeMap::new();
    for (at, blobs) in all.iter().enumerate() {
        for (&digest, &size) in blobs {
            owners.entry(digest).or_insert_with(|| (size, Vec::new())).1.push(at);
        }
    }
    let of = |digest: &Digest| owners.get(digest).map_or(&[][..], |(_, of)| of);
    let share = |(at, (opened, blobs)): (usize, (&Opened, &BTreeMap<Digest, u64>))| {
        let others = blobs.keys().flat_map(of).filter(|&&other| other != at).collect::<BTreeSet<_>>();
        let unique = blobs.iter().filter(|(digest, _)| of(digest).len() == 1).map(|(_, size)| size);
        let (size, unique) = (sum(blobs.values()), sum(unique));
        let digest = opened.image.descriptor.digest;
        Share { image: opened.name.clone(), digest, size, shared: size - unique, unique, with: others.len() }
    };
    let is_layer: BTreeSet<Digest> =
        images.iter().flat_map(|opened| layers(&opened.image).into_keys()).collect();
    let shared = |(digest, (bytes, of)): (&Digest, &(u64, Vec<usize>))| SharedLayer {
        digest: *digest,
        bytes: *bytes,
        images: of.len(),
        of: of.clone(),
    };
    let several = owners.iter().filter(|(digest, (_, of))| of.len() > 1 && is_layer.contains(digest));
    let mut shared: Vec<SharedLayer> = several.map(shared).collect();
    shared.sort_by_key(|layer| (Reverse(layer.bytes * (layer.images as u64 - 1)), layer.digest));
    Sharing {
        together: sum(owners.values().map(|(size, _)| size)),
        apart: all.iter().map(|blobs| sum(blobs.values())).sum(),
        images: images.iter().zip(&all).enumerate().map(share).collect(),
        shared,
    }
}

/// The cost of pulling each of `images` for a node that has those of `having`.
pub fn pull(images: &[Opened], having: &[Opened]) -> Vec<Pull> {
    let there: BTreeSet<Digest> = having.iter().flat_map(|opened| blobs(&opened.image).into_keys()).collect();
    let missing = |blobs: &BTreeMap<Digest, u64>| -> Vec<u64> {
        blobs.iter().filter(|(digest, _)| !there.contains(digest)).map(|(_, &size)| size).collect()
    };
    let pull = |opened: &Opened| {
        let (blobs, layers) = (blobs(&opened.image), layers(&opened.image));
        Pull {
            image: opened.name.clone(),
            digest: opened.image.descriptor.digest,
            size: sum(blobs.values()),
            pull: sum(&missing(&blobs)),
            layers: layers.len(),
            missing: missing(&layers).len(),
        }
    };
    images.iter().map(pull).collect()
}
