//! Consecutive RUNs. If they are joined, files of an earlier one that a later one removes or rewrites are never
//! stored. Between them there may only be instructions that have no effect on a RUN.

use super::candidate::{Advice, Candidate, Change, Kind, LEAST, Omitted};
use super::image::Image;
use super::run_text::{self, Run};
use libimage::entries::Part;
use libimage::instruction::Instruction;
use libimage::layer::Act;
use libimage::ledger::Ledger;
use libshell::list;
use std::collections::BTreeMap;

/// Instructions that have no effect on a later RUN.
const UNSEEN: &[&str] =
    &["LABEL", "EXPOSE", "CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL", "MAINTAINER", "ONBUILD"];

/// A RUN that makes a layer.
#[derive(Clone)]
struct Made<'a> {
    instruction: &'a Instruction,
    run: Run<'a>,
    /// The layer, from 0.
    layer: u16,
}

pub(super) fn advise<'a>(image: &Image<'a>) -> Vec<Candidate<'a>> {
    let mut hidden: BTreeMap<(u16, u16), u64> = BTreeMap::new();
    for inode in &image.ledger.inodes {
        if let Some((by, _)) = inode.gone.filter(|(by, _)| *by > inode.layer) {
            *hidden.entry((inode.layer, by)).or_default() += inode.size;
        }
    }
    hidden.retain(|_, bytes| *bytes >= LEAST.0);
    let mut all = Vec::new();
    for segment in segments(image) {
        let spans = spans(&segment, &hidden);
        for &(first, last) in &spans {
            all.extend(removed(image, &segment[first..=last]));
        }
        all.extend(empty(image, &segment, &spans));
    }
    all
}

/// RUNs that could be one.
fn segments<'a>(image: &Image<'a>) -> Vec<Vec<Made<'a>>> {
    let mut all: Vec<Vec<Made>> = vec![Vec::new()];
    for instruction in image.instructions.iter().filter(|instruction| !instruction.base) {
        let run = run_text::parse(&instruction.text).filter(|_| instruction.is_own());
        let layer = instruction.layer.and_then(|layer| u16::try_from(layer - 1).ok());
        if let (Some(run), Some(layer)) = (run, layer) {
            let before = all.last().and_then(|segment| segment.last());
            // A change in one stage is not moved to another, because further stages may be built on that.
            let differs = |before: &Made| {
                before.run.flags != run.flags || before.instruction.stage != instruction.stage
            };
            if before.is_some_and(differs) {
                all.push(Vec::new());
            }
            if let Some(segment) = all.last_mut() {
                segment.push(Made { instruction, run, layer });
            }
            continue;
        }
        let word = instruction.text.split_whitespace().next().unwrap_or_default().to_uppercase();
        if !UNSEEN.contains(&word.as_str()) {
            all.push(Vec::new());
        }
    }
    all.retain(|segment| segment.len() > 1);
    all
}

/// The ranges of a segment within which something is hidden. They do not overlap.
fn spans(segment: &[Made], hidden: &BTreeMap<(u16, u16), u64>) -> Vec<(usize, usize)> {
    let at = |layer: u16| segment.iter().position(|made| made.layer == layer);
    let mut spans: Vec<(usize, usize)> =
        hidden.keys().filter_map(|&(layer, by)| Some((at(layer)?, at(by)?))).collect();
    spans.sort_unstable();
    let mut joined: Vec<(usize, usize)> = Vec::new();
    for (first, last) in spans {
        match joined.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

fn one(runs: &[Made]) -> Vec<Change> {
    let Some((first, others)) = runs.split_first() else { return Vec::new() };
    let command =
        others.iter().fold(first.run.command.to_owned(), |all, run| list::join(&all, run.run.command));
    let mut words = vec!["RUN"];
    words.extend(&first.run.flags);
    words.push(&command);
    let mut changes = vec![Change::new(first.instruction, vec![words.join(" ")])];
    changes.extend(others.iter().map(|run| Change::new(run.instruction, Vec::new())));
    changes
}

fn removed<'a>(image: &Image<'a>, runs: &[Made<'a>]) -> Option<Candidate<'a>> {
    let (first, last) = (runs.first()?.layer, runs.last()?.layer);
    let ledger = image.ledger;
    let gone = |inode: &&libimage::ledger::Inode| {
        inode.layer >= first && inode.gone.is_some_and(|(by, _)| by <= last)
    };
    let saves = ledger.inodes.iter().filter(gone).map(|inode| inode.size).sum();
    let (from, to) = (runs.first()?.instruction.place(), runs.last()?.instruction.place());
    let title = format!("join the RUNs from {from} to {to}");
    let why = format!(
        "Files that {to} removes or rewrites stay in the layers below it, and are downloaded. In one RUN they are never stored."
    );
    let advice = Advice::new(Kind::Join, title, one(runs), saves, why)?;
    let omitted = runs.iter().map(|run| {
        let which = move |part: &Part| vanishes(ledger, part, first, last);
        Omitted::Entries(usize::from(run.layer), Box::new(which))
    });
    Some(Candidate { advice, omitted: omitted.collect(), always: false })
}

/// RUNs that leave nothing, each joined to the one before it or after it.
fn empty<'a>(image: &Image<'a>, segment: &[Made<'a>], spans: &[(usize, usize)]) -> Option<Candidate<'a>> {
    let is_empty = |at: usize| {
        let sums = image.ledger.layers.get(usize::from(segment[at].layer));
        sums.is_some_and(|sums| sums.entries == 0)
            && !spans.iter().any(|(first, last)| (*first..=*last).contains(&at))
    };
    let at = (0..segment.len()).find(|&at| is_empty(at))?;
    let (first, last) = if at == 0 { (0, 1) } else { (at - 1, at) };
    let runs = &segment[first..=last];
    let place = segment[at].instruction.place();
    let title = format!("join {place}, which leaves nothing, with the RUN beside it");
    let why = format!("{place} changes no file, but its empty layer is a blob to store and to request.");
    let advice = Advice::new(Kind::Join, title, one(runs), 0, why)?;
    Some(Candidate { advice, omitted: vec![Omitted::Layer(usize::from(segment[at].layer))], always: true })
}

/// Whether an entry of layers `first..=last` would not be in the layer that joins them.
fn vanishes(ledger: &Ledger, part: &Part, first: u16, last: u16) -> bool {
    match part {
        Part::Put(_, put) => {
            let within = |gone: Option<(u16, _)>| gone.is_some_and(|(by, _)| by <= last);
            within(put.gone)
                && (put.act != Act::File || ledger.inode(put).is_none_or(|inode| within(inode.gone)))
        }
        Part::Gone(removal) => !removal.place.is_some_and(|place| ledger.has_below(place, first)),
    }
}
