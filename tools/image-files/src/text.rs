//! The views for a terminal or a pipe, in aligned columns.

mod tree;
mod why;
mod words;

use crate::branches::Branch;
use crate::files::Files;
use crate::layer::Contents;
use crate::view::View;
use libcli::{human, sanitise as clean, write_table};
use libimage::image_cost::ImageCost;
use libimage::ledger::Fate;
use std::collections::BTreeSet;
use std::io::{self, Write};
use words::instruction;

/// Writes a view of an image.
pub fn write(view: &View, image: &ImageCost, output: &mut impl Write) -> io::Result<()> {
    match view {
        View::Files(files) => self::files(files, image, output),
        View::Layer(contents) => layer(contents, output),
        View::Why(why) => why::write(why, image, output),
    }
}

fn files(view: &Files, image: &ImageCost, output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "{}  {}", clean(&view.image), view.digest)?;
    tree::write(&view.files, output)?;
    let shares = view.files.iter().flat_map(|branch| &branch.layers);
    let layers: BTreeSet<usize> = shares.map(|share| share.layer).collect();
    if layers.is_empty() {
        return Ok(());
    }
    let row = |layer| {
        let [place, text] = instruction(image.instruction_of(layer));
        vec![layer.to_string(), place, text]
    };
    writeln!(output)?;
    write_table(&[">LAYER", "PLACE", "INSTRUCTION"], &layers.into_iter().map(row).collect::<Vec<_>>(), output)
}

fn layer(view: &Contents, output: &mut impl Write) -> io::Result<()> {
    let cost = &view.layer;
    let [place, text] = instruction(view.instruction.as_ref());
    writeln!(output, "{}  layer {}  {}", clean(&view.image), cost.layer, cost.digest)?;
    writeln!(output, "{place}  {text}")?;
    writeln!(
        output,
        "{} to download, {} of files, {} of them visible in the image; {} entries",
        human(cost.download),
        human(cost.content),
        human(cost.visible),
        cost.entries,
    )?;
    for sum in &cost.hidden {
        writeln!(output, "  {:>9}  {} by layer {}", human(sum.bytes), sum.fate, sum.by)?;
    }
    section("Puts", &view.puts, output)?;
    section("Removes from the layers below", &view.removes, output)?;
    took(view, true, output)?;
    section("Hides from the layers below", &view.hides, output)?;
    took(view, false, output)
}

fn section(title: &str, branches: &[Branch], output: &mut impl Write) -> io::Result<()> {
    let Some(top) = branches.first() else { return Ok(()) };
    writeln!(output, "\n{title}: {}", human(top.bytes))?;
    tree::write(branches, output)
}

fn took(view: &Contents, removed: bool, output: &mut impl Write) -> io::Result<()> {
    for took in view.took.iter().filter(|took| (took.fate == Fate::Deleted) == removed) {
        writeln!(output, "  {:>9}  of layer {} {}", human(took.bytes), took.of, took.fate)?;
    }
    Ok(())
}
