//! Who hid what, the largest first, and the largest files of it. It computes nothing but what it leaves out.

use super::{NAMED, TEXT, clean, fitted};
use crate::report::Report;
use libcli::{cut, human};
use libimage::image_cost::ImageCost;
use libimage::layer_cost::{HiddenSum, LayerCost};
use std::cmp::Reverse;
use std::io::{self, Write};

pub(super) fn write(report: &Report, width: Option<usize>, output: &mut impl Write) -> io::Result<()> {
    let totals = &report.cost.totals;
    if totals.hidden == 0 {
        return Ok(());
    }
    let (hidden, files) = (human(totals.hidden), totals.hidden_files);
    writeln!(output, "\nPaid for and not visible: {hidden} in {}", counted(files))?;
    let of = |cost: &LayerCost| cost.hidden.iter().map(|sum| (cost.layer, *sum)).collect::<Vec<_>>();
    sums(report.cost.layers.iter().flat_map(of).collect(), &report.cost, width, output)?;
    writeln!(output, "The largest:")?;
    for file in report.cost.hidden.iter().take(NAMED) {
        let path = clean(&file.path.display());
        let (bytes, fate) = (human(file.bytes), file.fate);
        writeln!(output, "  {bytes:>9}  /{path}  (layer {}, {fate} by {})", file.layer, file.by)?;
    }
    Ok(())
}

/// What was hidden of which layer, by which, and how: the largest, and how much the others are.
pub(crate) fn sums(
    mut sums: Vec<(usize, HiddenSum)>,
    image: &ImageCost,
    width: Option<usize>,
    output: &mut impl Write,
) -> io::Result<()> {
    sums.retain(|(_, sum)| sum.bytes > 0);
    sums.sort_by_key(|(_, sum)| Reverse(sum.bytes));
    for (of, sum) in sums.iter().take(NAMED) {
        let (bytes, fate, by) = (human(sum.bytes), sum.fate, layer(image, sum.by));
        let line = format!("  {bytes:>9}  of layer {of} {fate} by {by}");
        writeln!(output, "{}", fitted(line, width))?;
    }
    let smaller = sums.get(NAMED..).unwrap_or_default();
    if !smaller.is_empty() {
        let bytes: u64 = smaller.iter().map(|(_, sum)| sum.bytes).sum();
        writeln!(output, "  and {} smaller ones, {} together; --json has all", smaller.len(), human(bytes))?;
    }
    Ok(())
}

fn counted(files: u64) -> String {
    if files == 1 { "a file".to_owned() } else { format!("{files} files") }
}

/// A layer in words: its number, place and instruction.
fn layer(image: &ImageCost, layer: usize) -> String {
    match image.instruction_of(layer) {
        Some(instruction) => {
            let text = cut(&clean(&instruction.words()), TEXT);
            format!("layer {layer} ({}: {text})", clean(&instruction.place()))
        }
        None => format!("layer {layer}"),
    }
}
