//! The history of a path, line by line.

use super::words::{instruction, path};
use crate::why::{Maker, PaidBelow, PutThere, Why};
use libcli::{human, sanitise as clean, write_table};
use libimage::image_cost::ImageCost;
use libimage::ledger::Fate;
use libimage::words;
use std::io::{self, Write};

/// Writes the view.
pub fn write(view: &Why, image: &ImageCost, output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "{}  {}", clean(&view.image), view.digest)?;
    for link in &view.links {
        let target = clean(&String::from_utf8_lossy(&link.target.0));
        let [place, text] = instruction(link.by.instruction.as_ref());
        let layer = link.by.layer;
        writeln!(output, "{} is a link to {target} (layer {layer}, {place}: {text})", path(&link.path))?;
    }
    let (all, hidden) = costs(view);
    let state = if view.visible { "in the image" } else { "no longer in the image" };
    writeln!(
        output,
        "{} is {state}; it costs {}, {} of that hidden",
        path(&view.path),
        human(all),
        human(hidden)
    )?;
    if let Some(package) = &view.package {
        writeln!(output, "It belongs to the package {} {}", clean(&package.name), clean(&package.version))?;
    }
    if !view.puts.is_empty() {
        writeln!(output)?;
        let head = [">LAY", "PLACE", ">BYTES", "WHAT", "INSTRUCTION"];
        write_table(&head, &puts(&view.puts), output)?;
    }
    if !view.below.is_empty() {
        writeln!(output, "\nBelow it:")?;
        let head = [">LAY", "PLACE", ">VISIBLE", ">HIDDEN", ">FILES", "INSTRUCTION"];
        write_table(&head, &view.below.iter().map(below).collect::<Vec<_>>(), output)?;
        let gone = |below: &PaidBelow| {
            let of = below.by.layer;
            below.gone.iter().map(move |sum| (of, *sum)).collect::<Vec<_>>()
        };
        let (lines, smaller) = words::hidden(view.below.iter().flat_map(gone).collect(), image);
        lines.iter().chain(&smaller).try_for_each(|line| writeln!(output, "{line}"))?;
    }
    Ok(())
}

/// The cost of all puts and everything below, and the hidden part of it.
fn costs(view: &Why) -> (u64, u64) {
    let puts = view.puts.iter().map(|put| {
        let hidden = put.gone.is_some() && !put.kept;
        (put.bytes, if hidden { put.bytes } else { 0 })
    });
    let below = view.below.iter().map(|below| (below.visible + below.hidden, below.hidden));
    puts.chain(below).fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1))
}

/// A line for each put, and one if nothing replaced it.
fn puts(puts: &[PutThere]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (at, put) in puts.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| puts[at].gone.as_ref());
        let change = before.filter(|gone| gone.by.layer == put.by.layer);
        // Each layer with something in a directory has an entry for the directory again.
        if put.is.kind != "dir" || change.is_none_or(|gone| gone.fate != Fate::Unchanged) {
            let did = change.map_or_else(|| "put".to_owned(), |gone| gone.fate.to_string());
            rows.push(row(&put.by, human(put.bytes), format!("{did}: {}", what(put))));
        }
        let Some(gone) = &put.gone else { continue };
        if puts.get(at + 1).is_none_or(|next| next.by.layer != gone.by.layer) {
            let kept = if put.kept { "; its content has another name" } else { "" };
            rows.push(row(&gone.by, String::new(), format!("{}{kept}", gone.fate)));
        }
    }
    rows
}

fn row(by: &Maker, bytes: String, what: String) -> Vec<String> {
    let [place, text] = instruction(by.instruction.as_ref());
    vec![by.layer.to_string(), place, bytes, what, text]
}

fn what(put: &PutThere) -> String {
    let is = &put.is;
    let mut text = format!("{} {} {}:{}", is.kind, is.mode, is.uid, is.gid);
    if let Some(target) = &is.target {
        text += &format!(" -> {}", clean(&String::from_utf8_lossy(&target.0)));
    }
    if let Some(first) = &put.name_of {
        text += &format!(", of {} in layer {}", path(&first.path), first.layer);
    }
    text
}

fn below(below: &PaidBelow) -> Vec<String> {
    let [place, text] = instruction(below.by.instruction.as_ref());
    let sizes = [below.visible, below.hidden].map(human);
    let [visible, hidden] = sizes;
    vec![below.by.layer.to_string(), place, visible, hidden, below.files.to_string(), text]
}
