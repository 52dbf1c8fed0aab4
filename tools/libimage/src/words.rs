//! Sentences about an image's costs that several tools share.

use crate::image_cost::ImageCost;
use crate::layer_cost::HiddenSum;
use libcli::{cut, human, sanitise};
use std::cmp::Reverse;

/// How many columns an instruction's text may have.
const TEXT: usize = 60;
/// How many sums get a line.
const NAMED: usize = 10;

/// Which layer hid how much of which: a line for each of the largest sums, and one for all others together.
pub fn hidden(mut sums: Vec<(usize, HiddenSum)>, image: &ImageCost) -> (Vec<String>, Option<String>) {
    sums.retain(|(_, sum)| sum.bytes > 0);
    sums.sort_by_key(|(_, sum)| Reverse(sum.bytes));
    let line = |(of, sum): &(usize, HiddenSum)| {
        let (bytes, fate, by) = (human(sum.bytes), sum.fate, layer(image, sum.by));
        format!("  {bytes:>9}  of layer {of} {fate} by {by}")
    };
    let lines = sums.iter().take(NAMED).map(line).collect();
    let smaller = sums.get(NAMED..).filter(|smaller| !smaller.is_empty()).map(|smaller| {
        let bytes = human(smaller.iter().map(|(_, sum)| sum.bytes).sum());
        format!("  and {} smaller ones, {bytes} together; --json has all", smaller.len())
    });
    (lines, smaller)
}

/// A layer: its number, and the instruction that made it.
fn layer(image: &ImageCost, layer: usize) -> String {
    match image.instruction_of(layer) {
        Some(instruction) => {
            let text = cut(&sanitise(&instruction.words()), TEXT);
            format!("layer {layer} ({}: {text})", sanitise(&instruction.place()))
        }
        None => format!("layer {layer}"),
    }
}
