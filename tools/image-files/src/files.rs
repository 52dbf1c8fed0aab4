//! The final tree of an image, or the part below a path: sizes with everything below, and the layers that pay. It
//! never shows hidden files.

use crate::branches::{Branch, Leaf, Shape, branches};
use crate::lookup;
use libcli::Failure;
use libimage::image_cost::ImageCost;
use libimage::ledger::Ledger;
use libimage::places::PlaceId;
use libwire::Digest;
use serde::Serialize;
use std::collections::HashMap;

/// The final tree below a path.
#[derive(Debug, Serialize)]
pub struct Files {
    /// The image, as the user named it.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// The path itself first, then the entries below, the largest of each directory first.
    pub files: Vec<Branch>,
}

/// The final tree below `path`, `depth` directories deep.
pub fn files(image: &ImageCost, ledger: &Ledger, path: &[u8], depth: usize) -> Result<Files, Failure> {
    let top = lookup::visible(ledger, path)?;
    let shape = Shape { top, depth, joined: false };
    Ok(Files {
        image: image.name.clone(),
        digest: image.digest,
        files: branches(ledger, &leaves(ledger, top), shape, |place| ledger.visible(place)),
    })
}

/// The visible entries at a place and below. A file with several names there counts at the first by path.
pub fn leaves(ledger: &Ledger, top: PlaceId) -> Vec<Leaf> {
    let seen = || {
        let all = std::iter::once(top).chain(ledger.places.below(top));
        all.filter_map(|place| ledger.visible(place))
    };
    let mut first: HashMap<u32, PlaceId> = HashMap::new();
    for put in seen().filter(|put| ledger.inode(put).is_some_and(|inode| inode.names > 1)) {
        let known = first.entry(put.inode).or_insert(put.place);
        if ledger.places.path(put.place) < ledger.places.path(*known) {
            *known = put.place;
        }
    }
    let leaf = |put: &libimage::ledger::Put| match ledger.inode(put) {
        Some(inode) if first.get(&put.inode).is_none_or(|&place| place == put.place) => {
            Leaf { place: put.place, layer: inode.layer, bytes: inode.size }
        }
        _ => Leaf { place: put.place, layer: put.layer, bytes: 0 },
    };
    seen().map(leaf).collect()
}
