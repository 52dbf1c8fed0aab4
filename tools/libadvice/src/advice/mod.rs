//! Changes to the Dockerfile that make the image smaller: the lines to paste, and the saving of each. A saving counts
//! the entries that the layers would lose. Its download is the space of these entries in the present blobs. If it
//! cannot be computed in this way, there is no advice. The savings of two changes cannot be added.

mod apk;
mod caches;
mod candidate;
mod copies;
mod emptying;
mod image;
mod join;
mod recommends;
mod run_text;
mod stage;

pub use candidate::{Advice, Change, Kind};

use crate::findings::Cached;
use crate::repack::{self, Which};
use candidate::{Candidate, LEAST, Omitted};
use image::Image;
use layer_pack::Compression;
use libcli::Failure;
use libimage::entries::Part;
use libimage::instruction::Instruction;
use libimage::ledger::Ledger;
use libimage::source::Opened;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// All advice for an image, the change that saves most first. If a second stage may help, or a layer is packed with
/// Zstandard, it reads those layers again.
pub fn advise(
    opened: &Opened,
    ledger: &Ledger,
    instructions: &[Instruction],
) -> Result<Vec<Advice>, Failure> {
    let cached = Cached::new(&ledger.places);
    let image = Image { ledger, instructions, config: &opened.image.config.config, cached: &cached };
    let mut candidates = caches::advise(&image);
    candidates.extend(join::advise(&image));
    candidates.extend(copies::advise(&image));
    candidates.extend(recommends::advise(&image));
    candidates.retain(|candidate| candidate.always || candidate.advice.saves_content >= LEAST.0);
    measure(opened, &image, &mut candidates)?;
    candidates.extend(stage::advise(opened, &image)?);
    let enough = |advice: &Advice| advice.saves_content >= LEAST.0 && advice.saves_download >= LEAST.1;
    candidates.retain(|candidate| candidate.always || enough(&candidate.advice));
    let mut advice: Vec<Advice> = candidates.into_iter().map(|candidate| candidate.advice).collect();
    advice.sort_by_key(|advice| (Reverse(advice.saves_download), advice.instruction));
    Ok(advice)
}

/// Adds up the space of the lost entries in their blobs.
fn measure(opened: &Opened, image: &Image, candidates: &mut [Candidate]) -> Result<(), Failure> {
    let mut by_layer: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, candidate) in candidates.iter_mut().enumerate() {
        for omitted in &candidate.omitted {
            match omitted {
                Omitted::Layer(layer) => {
                    candidate.advice.saves_download +=
                        image.ledger.layers.get(*layer).map_or(0, |sums| sums.blob_size);
                }
                Omitted::Entries(layer, _) => by_layer.entry(*layer).or_default().push(at),
            }
        }
    }
    for (layer, concerned) in by_layer {
        let of_layer = |candidate: &usize| {
            candidates[*candidate].omitted.iter().find_map(|omitted| match omitted {
                Omitted::Entries(of, which) if *of == layer => Some(which),
                _ => None,
            })
        };
        let choices: Vec<&Which> = concerned.iter().filter_map(of_layer).collect();
        let sizes = match repack::compression(opened, layer) {
            Compression::Zstd => missed(opened, image.ledger, layer, &choices)?,
            _ => choices.iter().map(|which| taken(image, layer, which)).collect(),
        };
        let frame = repack::frame(opened, layer)?;
        for (candidate, size) in concerned.into_iter().zip(sizes) {
            let advice = &mut candidates[candidate].advice;
            // Layers that are joined lose all frames but one; others keep theirs.
            let joined = advice.kind == Kind::Join && advice.saves_download > 0;
            advice.saves_download += size + if joined { frame } else { 0 };
        }
    }
    Ok(())
}

/// The space that some of a layer's entries take in its blob. With gzip, which looks back at most 32 KiB, the blob
/// would be smaller by that much without them.
fn taken(image: &Image, layer: usize, which: &Which) -> u64 {
    let puts = image.puts(layer).map(|(id, put)| (Part::Put(id, put), put.packed));
    let removals = image.ledger.removals.iter().filter(|removal| usize::from(removal.layer) == layer);
    let removals = removals.map(|removal| (Part::Gone(removal), removal.packed));
    puts.chain(removals).filter(|(part, _)| which(part)).map(|(_, packed)| packed).sum()
}

/// The bytes that a layer would save without some of its entries, by packing it both ways. With Zstandard, which
/// refers to bytes megabytes earlier, an entry may take hardly any space itself, or make others small.
fn missed(opened: &Opened, ledger: &Ledger, layer: usize, choices: &[&Which]) -> Result<Vec<u64>, Failure> {
    let rest = choices.iter().map(|&which| -> Which { Box::new(move |part| !which(part)) });
    let all: Which = Box::new(|_| true);
    let ways: Vec<Which> = std::iter::once(all).chain(rest).collect();
    let sizes = repack::sizes(opened, ledger, layer, &ways.iter().collect::<Vec<_>>())?;
    let (whole, without) = sizes.split_first().unwrap_or((&0, &[]));
    Ok(without.iter().map(|size| whole.saturating_sub(*size)).collect())
}
