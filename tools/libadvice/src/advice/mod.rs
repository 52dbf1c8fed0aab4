//! What to change in the Dockerfile so that the image gets smaller: the lines to paste, and what each change
//! saves. The saving is that of entries that are in the layers now and would not be then, and its download is
//! what they take in the blobs that are there; where it can't be computed so, there is no advice. Each advice is
//! on its own: the savings of two are no sum.

mod apk;
mod caches;
mod copies;
mod emptying;
mod join;
mod recommends;
mod shell;
mod stage;

use crate::findings::Cached;
use crate::repack::{self, Which};
use layer_pack::Compression;
use libcli::Failure;
use libimage::entries::Part;
use libimage::instruction::Instruction;
use libimage::layer::Act;
use libimage::ledger::Ledger;
use libimage::places::PlaceId;
use libimage::source::Opened;
use libwire::image::ContainerConfig;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Savings below these are not worth an advice, in bytes of content and of download.
const LEAST: (u64, u64) = (100_000, 20_000);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Keep a cache out of the layer.
    CacheMount,
    /// Install without leaving the lists of packages.
    NoCache,
    /// Join RUNs, so that what one removes of another is never stored.
    Join,
    /// Let COPY set owner or mode.
    CopyMeta,
    /// Leave out an instruction that stores again what is there.
    Drop,
    /// Install no recommended packages.
    NoRecommends,
    /// Copy what is needed into a second stage.
    SecondStage,
}

/// One advice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// What is to be done.
    pub kind: Kind,
    /// In a sentence.
    pub title: String,
    /// The first instruction that changes, by number.
    pub instruction: usize,
    /// Where that stands: `Dockerfile:7`, or `instruction 7`.
    pub place: String,
    /// Bytes of files that no layer has any more.
    pub saves_content: u64,
    /// Bytes that are downloaded less.
    pub saves_download: u64,
    /// All changed lines, in order.
    pub paste: Vec<String>,
    /// The same by instruction.
    pub changes: Vec<Change>,
    /// What is saved, and why that is so.
    pub why: String,
}

/// What an instruction becomes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its number.
    pub instruction: usize,
    /// Where it stands.
    pub place: String,
    /// The lines in its place; none, when it is to be left out.
    pub lines: Vec<String>,
}

/// What would go: of a layer, from 0.
enum Goes<'a> {
    /// All of it.
    Layer(usize),
    /// Some of its entries.
    Entries(usize, Which<'a>),
}

/// An advice whose download is not measured yet.
struct Candidate<'a> {
    advice: Advice,
    goes: Vec<Goes<'a>>,
    /// Given however little it saves.
    always: bool,
}

/// An image as the advisers see it.
struct Image<'a> {
    ledger: &'a Ledger,
    instructions: &'a [Instruction],
    config: &'a ContainerConfig,
    cached: &'a Cached,
}

impl<'a> Image<'a> {
    /// The instruction that made a layer, from 0, unless it came with the base image or is a trigger of it.
    fn maker(&self, layer: usize) -> Option<(usize, &'a Instruction)> {
        let mut all = self.instructions.iter().enumerate();
        all.find(|(_, instruction)| instruction.layer == Some(layer + 1) && instruction.is_own())
    }

    /// The puts of a layer, from 0, with their numbers.
    fn puts(&self, layer: usize) -> impl Iterator<Item = (u32, &'a libimage::ledger::Put)> + use<'a> {
        let puts = &self.ledger.puts;
        let first = puts.partition_point(|put| usize::from(put.layer) < layer);
        let of_layer = puts[first..].iter().take_while(move |put| usize::from(put.layer) == layer);
        (first as u32..).zip(of_layer)
    }
}

impl Change {
    /// An instruction whose text becomes another one, or none.
    fn new(instruction: &Instruction, texts: Vec<String>) -> Self {
        let lines = texts.iter().flat_map(|text| shell::lines(text)).collect();
        Self { instruction: instruction.number, place: instruction.place(), lines }
    }
}

impl Advice {
    fn new(kind: Kind, title: String, changes: Vec<Change>, saves_content: u64, why: String) -> Option<Self> {
        let first = changes.first()?;
        Some(Self {
            kind,
            title,
            instruction: first.instruction,
            place: first.place.clone(),
            saves_content,
            saves_download: 0,
            paste: changes.iter().flat_map(|change| change.lines.clone()).collect(),
            changes,
            why,
        })
    }
}

/// All advice on an image, what saves most first. Where a second stage may help, or a layer is packed with
/// Zstandard, reads the layers concerned once more.
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

/// Sums up what the entries that would go take in the blobs they are in.
fn measure(opened: &Opened, image: &Image, candidates: &mut [Candidate]) -> Result<(), Failure> {
    let mut by_layer: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, candidate) in candidates.iter_mut().enumerate() {
        for goes in &candidate.goes {
            match goes {
                Goes::Layer(layer) => {
                    candidate.advice.saves_download +=
                        image.ledger.layers.get(*layer).map_or(0, |sums| sums.blob_size);
                }
                Goes::Entries(layer, _) => by_layer.entry(*layer).or_default().push(at),
            }
        }
    }
    for (layer, concerned) in by_layer {
        let of_layer = |candidate: &usize| {
            candidates[*candidate].goes.iter().find_map(|goes| match goes {
                Goes::Entries(of, which) if *of == layer => Some(which),
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
            // Layers that are joined lose all frames but one, others keep theirs.
            let joined = advice.kind == Kind::Join && advice.saves_download > 0;
            advice.saves_download += size + if joined { frame } else { 0 };
        }
    }
    Ok(())
}

/// What some of a layer's entries take in its blob. With gzip, which looks back no further than 32 KiB, that is
/// what the blob would have less without them.
fn taken(image: &Image, layer: usize, which: &Which) -> u64 {
    let puts = image.puts(layer).map(|(id, put)| (Part::Put(id, put), put.packed));
    let removals = image.ledger.removals.iter().filter(|removal| usize::from(removal.layer) == layer);
    let removals = removals.map(|removal| (Part::Gone(removal), removal.packed));
    puts.chain(removals).filter(|(part, _)| which(part)).map(|(_, packed)| packed).sum()
}

/// What a layer would have less without some of its entries, when it is packed both ways: with Zstandard, which finds
/// again what stood megabytes before, an entry may take hardly anything, or others do because of it.
fn missed(opened: &Opened, ledger: &Ledger, layer: usize, choices: &[&Which]) -> Result<Vec<u64>, Failure> {
    let rest = choices.iter().map(|&which| -> Which { Box::new(move |part| !which(part)) });
    let all: Which = Box::new(|_| true);
    let ways: Vec<Which> = std::iter::once(all).chain(rest).collect();
    let sizes = repack::sizes(opened, ledger, layer, &ways.iter().collect::<Vec<_>>())?;
    let (whole, without) = sizes.split_first().unwrap_or((&0, &[]));
    Ok(without.iter().map(|size| whole.saturating_sub(*size)).collect())
}

/// Whether layers below `layer` have something at a place, or below it, that is there when it comes.
pub(crate) fn is_below(ledger: &Ledger, place: PlaceId, layer: u16) -> bool {
    let mut all = std::iter::once(place).chain(ledger.places.below(place));
    all.any(|place| {
        let mut puts = ledger.puts_at(place);
        puts.any(|put| put.layer < layer && put.gone.is_none_or(|(by, _)| by >= layer))
    })
}

/// Whether an entry of layers `first..=last` would not be in the one layer that they were joined to.
pub(crate) fn vanishes(ledger: &Ledger, part: &Part, first: u16, last: u16) -> bool {
    match part {
        Part::Put(_, put) => {
            let within = |gone: Option<(u16, _)>| gone.is_some_and(|(by, _)| by <= last);
            within(put.gone)
                && (put.act != Act::File || ledger.inode(put).is_none_or(|inode| within(inode.gone)))
        }
        Part::Gone(removal) => !removal.place.is_some_and(|place| is_below(ledger, place, first)),
    }
}
