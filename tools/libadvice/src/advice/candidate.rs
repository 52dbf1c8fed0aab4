//! An advice: new lines for instructions, and their saving; and a candidate, whose saving is not measured yet.

use crate::advice::run_text;
use crate::repack::Which;
use libimage::instruction::Instruction;
use serde::Serialize;

/// Savings below these are not worth an advice, in bytes of content and of download.
pub(super) const LEAST: (u64, u64) = (100_000, 20_000);

/// A kind of advice.
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
    /// Its kind.
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
    /// The reason for the saving.
    pub why: String,
}

/// New lines for an instruction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its number.
    pub instruction: usize,
    /// Where it stands.
    pub place: String,
    /// The lines in its place; none, when it is to be left out.
    pub lines: Vec<String>,
}

/// The part of a layer, from 0, that would be left out.
pub(super) enum Omitted<'a> {
    /// All of it.
    Layer(usize),
    /// Some of its entries.
    Entries(usize, Which<'a>),
}

/// An advice whose download is not measured yet.
pub(super) struct Candidate<'a> {
    pub(super) advice: Advice,
    pub(super) omitted: Vec<Omitted<'a>>,
    /// Given however little it saves.
    pub(super) always: bool,
}

impl Change {
    /// An instruction whose text becomes another one, or none.
    pub(super) fn new(instruction: &Instruction, texts: Vec<String>) -> Self {
        let lines = texts.iter().flat_map(|text| run_text::lines(text)).collect();
        Self { instruction: instruction.number, place: instruction.place(), lines }
    }
}

impl Advice {
    pub(super) fn new(
        kind: Kind,
        title: String,
        changes: Vec<Change>,
        saves_content: u64,
        why: String,
    ) -> Option<Self> {
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
