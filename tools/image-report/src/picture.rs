//! The layers as spans of one line, whose length is all files of all layers. Every picture of an image draws these
//! spans. The module knows lengths and hues, but no pixels and no colours.

pub mod bars;
mod data;
pub mod escape;
mod found;
pub mod html;
pub mod hues;
pub mod svg;
pub mod tree;

#[cfg(test)]
pub(crate) mod tests;

use crate::report::Report;
use libimage::from_cost::{Brought, FromCost};
use libimage::instruction::Instruction;
use libimage::layer_cost::LayerCost;

/// How many characters of an instruction a list shows.
const SHORT: usize = 90;
/// How many layers have their own hue.
pub const HUES: usize = 8;

/// A layer's span. Lengths are parts of the whole, from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The layer.
    pub cost: &'a LayerCost,
    /// The instruction that made it, if the image names it.
    pub instruction: Option<&'a Instruction>,
    /// Its hue, from 1 to [`HUES`]. 0 is the common hue of all smaller layers.
    pub hue: usize,
    /// Its start, where the layer below ends.
    pub start: f64,
    /// The visible part.
    pub visible: f64,
    /// The hidden part, which is drawn after the visible one.
    pub hidden: f64,
}

impl Span<'_> {
    /// The length of both parts.
    pub fn len(&self) -> f64 {
        self.visible + self.hidden
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.cost.content == 0
    }

    /// The place of its instruction.
    pub fn place(&self) -> String {
        self.instruction.map(Instruction::place).unwrap_or_default()
    }

    /// Its instruction's words.
    pub fn text(&self) -> String {
        self.instruction.map_or_else(String::new, Instruction::words)
    }
}

/// A row of a picture.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// A FROM; it brought the layers above it.
    From(&'a FromCost),
    /// A layer.
    Layer(Span<'a>),
}

/// These layers, with the FROMs of the report in between.
pub fn rows<'a>(report: &'a Report, spans: &[Span<'a>]) -> Vec<Row<'a>> {
    let mut froms = report.cost.from.iter().peekable();
    let mut rows = Vec::with_capacity(spans.len() + report.cost.from.len());
    for &span in spans {
        while let Some(from) = froms.next_if(|from| from.brought.layers < span.cost.layer) {
            rows.push(Row::From(from));
        }
        rows.push(Row::Layer(span));
    }
    rows.extend(froms.map(Row::From));
    rows
}

/// The layers of the base, and the FROM that brought it.
pub fn from_base(report: &Report) -> Option<(&FromCost, Brought)> {
    let base = report.cost.totals.base.filter(|base| base.content > 0)?;
    Some((report.cost.from.iter().find(|from| !from.base)?, base))
}

/// The spans of an image's layers, lowest first.
pub fn spans(report: &Report) -> Vec<Span<'_>> {
    let hues = hues(&report.cost.layers);
    let mut instructions = vec![None; report.cost.layers.len()];
    for instruction in &report.cost.instructions {
        if let Some(slot) = instruction.layer.and_then(|layer| instructions.get_mut(layer - 1)) {
            *slot = Some(instruction);
        }
    }
    let whole = report.cost.totals.content.max(1) as f64;
    let mut spans = Vec::with_capacity(report.cost.layers.len());
    let mut before = 0;
    for ((cost, instruction), hue) in report.cost.layers.iter().zip(instructions).zip(hues) {
        let start = before as f64 / whole;
        before += cost.content;
        let (visible, hidden) = (cost.visible as f64 / whole, hidden(cost) as f64 / whole);
        spans.push(Span { cost, instruction, hue, start, visible, hidden });
    }
    spans
}

/// The hidden bytes of a layer.
pub fn hidden(cost: &LayerCost) -> u64 {
    cost.hidden.iter().map(|sum| sum.bytes).sum()
}

/// A hue for each layer. The largest have their own, in the order of the image, so that neighbours never look alike.
/// A reader could not distinguish a hundred colours.
pub fn hues(layers: &[LayerCost]) -> Vec<usize> {
    let mut largest: Vec<usize> = (0..layers.len()).filter(|&at| layers[at].content > 0).collect();
    largest.sort_by_key(|&at| std::cmp::Reverse(layers[at].content));
    largest.truncate(HUES);
    largest.sort_unstable();
    let hue = |at| largest.binary_search(&at).map_or(0, |rank| rank + 1);
    (0..layers.len()).map(hue).collect()
}
