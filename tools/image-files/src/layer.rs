//! The changes of one layer: the files that it adds, and the files of lower layers that it removes or hides. It does
//! not show files of other layers otherwise.

use crate::branches::{Branch, Leaf, Shape, branches};
use libcli::Failure;
use libimage::image_cost::ImageCost;
use libimage::instruction::Instruction;
use libimage::layer::Act;
use libimage::layer_cost::{HiddenSum, LayerCost};
use libimage::ledger::{Fate, Ledger, Put};
use libimage::places::{PlaceId, Places};
use libwire::Digest;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// The changes of a layer.
#[derive(Debug, Serialize)]
pub struct Contents {
    /// The image, as the user named it.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// The layer's sums.
    pub layer: LayerCost,
    /// The instruction that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<Instruction>,
    /// The files it adds. Another name of a file costs nothing here.
    pub puts: Vec<Branch>,
    /// The files it removes: lower layers pay for their bytes, and no name leads to them any more.
    pub removes: Vec<Branch>,
    /// The files it hides: lower layers pay for their bytes, and it has the same or another file in their place.
    pub hides: Vec<Branch>,
    /// The bytes of both, by the layer that pays and how they were hidden.
    pub took: Vec<Taken>,
}

/// The files of another layer that a layer removed or hid.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// The layer that pays, from 1.
    pub of: usize,
    /// How they were hidden.
    pub fate: Fate,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The changes of the layer `number`, from 1, summed up to a depth of `depth` directories.
pub fn contents(
    image: &ImageCost,
    ledger: &Ledger,
    number: usize,
    depth: usize,
) -> Result<Contents, Failure> {
    let count = image.layers.len();
    let index = number.checked_sub(1).filter(|&index| index < count);
    let (Some(layer), Some(cost)) =
        (index.and_then(|index| u16::try_from(index).ok()), index.map(|index| &image.layers[index]))
    else {
        let what = format!("there is no layer {number}; it has {count}, numbered from 1");
        return Err(Failure::failed(&image.name, what));
    };
    let gone = |put: &Put, fits: fn(Fate) -> bool| {
        put.layer < layer && put.gone.is_some_and(|(by, fate)| by == layer && fits(fate))
    };
    Ok(Contents {
        image: image.name.clone(),
        digest: image.digest,
        layer: cost.clone(),
        instruction: image.instruction_of(number).cloned(),
        puts: tree(ledger, layer, depth, |put| put.layer == layer),
        removes: tree(ledger, layer, depth, |put| gone(put, |fate| fate == Fate::Deleted)),
        // A layer names the directories of its files, which hides nothing.
        hides: tree(ledger, layer, depth, |put| {
            put.act != Act::Dir && gone(put, |fate| fate != Fate::Deleted)
        }),
        took: took(image, number),
    })
}

fn tree(ledger: &Ledger, layer: u16, depth: usize, chosen: impl Fn(&Put) -> bool) -> Vec<Branch> {
    let puts: Vec<&Put> = ledger.puts.iter().filter(|put| chosen(put)).collect();
    if puts.is_empty() {
        return Vec::new();
    }
    let mut counted = HashSet::new();
    let leaves: Vec<Leaf> = puts.iter().map(|put| leaf(ledger, put, layer, &mut counted)).collect();
    let is: HashMap<PlaceId, &Put> = puts.into_iter().map(|put| (put.place, put)).collect();
    let shape = Shape { top: Places::ROOT, depth, joined: true };
    branches(ledger, &leaves, shape, |place| is.get(&place).copied())
}

/// The bytes of a put: those that its layer pays for, or that are hidden with the last of their names.
fn leaf(ledger: &Ledger, put: &Put, layer: u16, counted: &mut HashSet<u32>) -> Leaf {
    let nothing = Leaf { place: put.place, layer: put.layer, bytes: 0 };
    let Some(inode) = ledger.inode(put) else { return nothing };
    let counts = match put.layer == layer {
        true => put.act == Act::File,
        false => inode.gone.is_some_and(|(by, _)| by == layer) && counted.insert(put.inode),
    };
    match counts {
        true => Leaf { place: put.place, layer: inode.layer, bytes: inode.size },
        false => nothing,
    }
}

fn took(image: &ImageCost, number: usize) -> Vec<Taken> {
    let of = |cost: &LayerCost| {
        let by_this = cost.hidden.iter().filter(|sum| sum.by == number && sum.by != cost.layer);
        let took =
            |sum: &HiddenSum| Taken { of: cost.layer, fate: sum.fate, files: sum.files, bytes: sum.bytes };
        by_this.map(took).collect::<Vec<_>>()
    };
    image.layers.iter().flat_map(of).collect()
}
