//! The report for a terminal or a pipe: a line for each instruction with its cost, and then the hidden bytes.

mod head;
mod hidden;
pub(crate) mod line;
#[cfg(test)]
mod tests;

use crate::picture::bars::{self, Canvas};
use crate::picture::escape;
use crate::report::Report;
use libadvice::findings::{Finding, Kind};
use libcli::{columns, cut, human, padded, sanitise as clean};
use libimage::from_cost::FromCost;
use libimage::instruction::Instruction;
use libimage::layer_cost::LayerCost;
use line::{NAMED, fitted, lines};
use std::io::{self, Write};

/// How many columns an instruction's text may have.
const TEXT: usize = 60;
/// How many columns its place may have.
const PLACE: usize = 24;
/// How many columns the bytes before an advice's text take.
const BEHIND: usize = 13;

/// Writes the report, with its layers as bars if these are wanted, or else as a table.
pub fn write(report: &Report, canvas: Option<Canvas>, output: &mut impl Write) -> io::Result<()> {
    let width = canvas.map(|canvas| canvas.width);
    head::write(report, width, output)?;
    match canvas.filter(|canvas| canvas.bars) {
        Some(canvas) => bars::write(report, canvas, output)?,
        None => table(report, width, output)?,
    }
    hidden::write(report, width, output)?;
    findings(report, output)?;
    advice(report, width, output)?;
    what_if(report, output)
}

fn table(report: &Report, most: Option<usize>, output: &mut impl Write) -> io::Result<()> {
    let places = report
        .cost
        .instructions
        .iter()
        .map(Instruction::place)
        .chain(report.cost.from.iter().map(FromCost::place));
    let width = places.map(|place| columns(&clean(&place))).max().unwrap_or(0).clamp(5, PLACE);
    let place = |of: String| padded(&escape::place(&of, width), width);
    let head = ["LAY", "DOWNLOAD", "RUNNING", "FILES", "HIDDEN"].map(str::to_owned);
    row(head, &padded("PLACE", width), "INSTRUCTION", most, output)?;
    let mut froms = report.cost.from.iter().peekable();
    for instruction in &report.cost.instructions {
        while let Some(from) = froms.next_if(|from| from.instructions < instruction.number) {
            row(from_cells(from), &place(from.place()), &from.text(), most, output)?;
        }
        let cost = instruction.layer.and_then(|layer| report.cost.layers.get(layer - 1));
        let cells = cost.map_or_else(Default::default, cells);
        row(cells, &place(instruction.place()), &instruction.words(), most, output)?;
    }
    froms.try_for_each(|from| row(from_cells(from), &place(from.place()), &from.text(), most, output))
}

fn row(
    cells: [String; 5],
    place: &str,
    text: &str,
    most: Option<usize>,
    output: &mut impl Write,
) -> io::Result<()> {
    let [layer, download, running, files, hidden] = cells;
    let text = cut(&clean(text), TEXT);
    let line = format!("{layer:>3}  {place}  {download:>9} {running:>9} {files:>9} {hidden:>9}  {text}");
    writeln!(output, "{}", fitted(line, most))
}

/// FROM has no cost of its own. Its row has the sum of the layers that it brought.
fn from_cells(from: &FromCost) -> [String; 5] {
    let mut cells = <[String; 5]>::default();
    if from.brought.layers > 0 {
        cells[2] = human(from.brought.download);
    }
    cells
}

fn cells(cost: &LayerCost) -> [String; 5] {
    let hidden: u64 = cost.hidden.iter().map(|sum| sum.bytes).sum();
    [
        cost.layer.to_string(),
        human(cost.download),
        human(cost.running),
        human(cost.content),
        if hidden == 0 { String::new() } else { human(hidden) },
    ]
}

fn findings(report: &Report, output: &mut impl Write) -> io::Result<()> {
    let (own, of_base) = report.findings_by_origin();
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(output, "\nFound:")?;
    own.iter().take(NAMED).try_for_each(|finding| one_finding(finding, output))?;
    let left = [(own.len().saturating_sub(NAMED), "smaller ones"), (of_base.len(), "in layers of the base")];
    let left = left.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let left = left.collect::<Vec<_>>().join(" and ");
    if !left.is_empty() {
        let and = if own.is_empty() { "" } else { "and " };
        writeln!(output, "  {and}{left}; --json has all")?;
    }
    Ok(())
}

fn one_finding(finding: &Finding, output: &mut impl Write) -> io::Result<()> {
    let gone = match finding.hidden {
        0 => String::new(),
        hidden if hidden == finding.bytes => ", all hidden".to_owned(),
        hidden => format!(", {} of it hidden", human(hidden)),
    };
    let path = finding.paths.first().map(|path| format!(": /{}", clean(&path.display())));
    writeln!(
        output,
        "  {:>9}  {} (layer {}{gone}){}{}",
        human(finding.bytes),
        found(finding),
        finding.layer,
        path.unwrap_or_default(),
        more(finding),
    )
}

fn advice(report: &Report, width: Option<usize>, output: &mut impl Write) -> io::Result<()> {
    for (at, advice) in report.advised().iter().enumerate() {
        if at == 0 {
            writeln!(output, "\nWhat to do, each on its own:")?;
        }
        let saved = (human(advice.saves_download), human(advice.saves_content));
        let title = format!("{} (files: {})", clean(&advice.title), saved.1);
        for (at, line) in lines(&title, width, BEHIND).iter().enumerate() {
            writeln!(output, "  {:>9}  {line}", if at == 0 { &saved.0 } else { "" })?;
        }
        for line in lines(&clean(&advice.why), width, BEHIND) {
            writeln!(output, "{:BEHIND$}{line}", "")?;
        }
        for change in &advice.changes {
            let end = if change.lines.is_empty() { " leave it out" } else { "" };
            writeln!(output, "{:BEHIND$}{}:{end}", "", clean(&change.place))?;
            for line in &change.lines {
                writeln!(output, "{:BEHIND$}    {}", "", clean(line))?;
            }
        }
    }
    Ok(())
}

fn what_if(report: &Report, output: &mut impl Write) -> io::Result<()> {
    let Some(new) = &report.what_if else { return Ok(()) };
    let now = report.cost.totals.download;
    let difference = match new.download > now {
        true => format!("{} more", human(new.download - now)),
        false => format!("{} less", human(now - new.download)),
    };
    writeln!(
        output,
        "\nWith {}: {} to download, {difference}; {} of files in {}:",
        clean(&new.changes.join(", ")),
        human(new.download),
        human(new.content),
        if new.layers.len() == 1 { "one layer".to_owned() } else { format!("{} layers", new.layers.len()) },
    )?;
    for layer in &new.layers {
        let of = match &layer.layers[..] {
            [first, .., last] => format!("layers {first} to {last}"),
            one => format!("layer {}", one.first().copied().unwrap_or_default()),
        };
        writeln!(output, "  {:>9}  {of}", human(layer.download))?;
    }
    Ok(())
}

/// A finding in words.
pub fn found(finding: &Finding) -> String {
    let what = clean(&finding.what);
    match finding.kind {
        Kind::Duplicate => format!("{what} of one file"),
        Kind::MetadataCopy => format!("copies from {what} with other metadata"),
        Kind::UnchangedCopy => format!("copies from {what}, unchanged"),
        Kind::PackageLists => format!("package lists of {what}"),
        Kind::Cache => format!("cache of {what}"),
        Kind::BuildTool => format!("build tool {what}"),
        Kind::Headers => format!("headers in {what}"),
        Kind::StaticLibrary => format!("static libraries in {what}"),
        Kind::Sources => format!("sources in {what}"),
        Kind::VersionControl => format!("version control in {what}"),
        Kind::Setuid => format!("{what} files"),
        Kind::EmptyLayer => "an empty layer".to_owned(),
    }
}

/// How many more files a finding has, in words.
pub fn more(finding: &Finding) -> String {
    if finding.files > 1 { format!(" and {} more", finding.files - 1) } else { String::new() }
}
