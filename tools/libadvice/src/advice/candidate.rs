//! Advice: new lines for instructions, and their saving. A candidate is advice whose saving is not measured yet.

use crate::advice::run_text;
use crate::repack::Which;
use libimage::instruction::Instruction;
use serde::Serialize;

/// The smallest savings that are worth advice, in bytes of content and of download.
pub(super) const LEAST: (u64, u64) = (100_000, 20_000);

/// A kind of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Keep a cache out of the layer.
    CacheMount,
    /// Install without leaving the lists of packages.
    NoCache,
    /// Join RUNs, so that files that a later one removes are never stored.
    Join,
    /// Let COPY set owner or mode.
    CopyMeta,
    /// Leave out an instruction that stores existing files again.
    Drop,
    /// Install no recommended packages.
    NoRecommends,
    /// Copy the needed files into a second stage.
    SecondStage,
}

/// A change of the Dockerfile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// Its kind.
    pub kind: Kind,
    /// The advice in a sentence.
    pub title: String,
    /// The number of the first instruction that changes.
    pub instruction: usize,
    /// Its place: `Dockerfile:7`, or `instruction 7`.
    pub place: String,
    /// The bytes of files that the layers lose.
    pub saves_content: u64,
    /// The bytes that the download loses.
    pub saves_download: u64,
    /// All changed lines, in order.
    pub paste: Vec<String>,
    /// The changed lines by instruction.
    pub changes: Vec<Change>,
    /// The reason for the saving.
    pub why: String,
}

/// New lines for an instruction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its number.
    pub instruction: usize,
    /// Its place.
    pub place: String,
    /// The lines that replace it; empty if it is left out.
    pub lines: Vec<String>,
}

/// The part of a layer, from 0, that the advice leaves out.
pub(super) enum Omitted<'a> {
    /// All of it.
    Layer(usize),
    /// Some of its entries.
    Entries(usize, Which<'a>),
}

/// Advice whose download is not measured yet.
pub(super) struct Candidate<'a> {
    pub(super) advice: Advice,
    pub(super) omitted: Vec<Omitted<'a>>,
    /// Whether to give it even if it saves little.
    pub(super) always: bool,
}

impl Change {
    /// An instruction whose text is replaced or left out.
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
