//! A comparison for a terminal or a pipe.

use super::comparison::Comparison;
use super::explain::name;
use super::files::{Differing, Group, Owner};
use super::layers::Row;
use crate::text::line::lines;
use libcli::{cut, human, sanitise as clean, write_table};
use libimage::instruction::Instruction;
use std::io::{self, Write};

/// How many columns an instruction's text may have.
const TEXT: usize = 60;
/// How many groups and files are named.
const NAMED: usize = 12;

/// Writes the comparison, with sentences broken for a terminal of `width` columns.
pub fn write(comparison: &Comparison, width: Option<usize>, output: &mut impl Write) -> io::Result<()> {
    for line in comparison.explanation.iter().flat_map(|sentence| lines(&clean(sentence), width, 0)) {
        writeln!(output, "{line}")?;
    }
    writeln!(output)?;
    write_table(&["", ">A", ">B"], &sum_rows(comparison), output)?;
    writeln!(output)?;
    let layers: Vec<_> = comparison.layers.iter().map(layer_row).collect();
    write_table(&[">A", ">B", ">DOWNLOAD", ">FILES", "SHARED", "INSTRUCTION"], &layers, output)?;
    write_groups(&comparison.files.only_a, "Only in A", output)?;
    write_groups(&comparison.files.only_b, "Only in B", output)?;
    write_differing(comparison, output)
}

fn sum_rows(comparison: &Comparison) -> Vec<Vec<String>> {
    let (a, b) = (&comparison.a, &comparison.b);
    let row = |what: &str, a: String, b: String| vec![what.to_owned(), a, b];
    let bytes = |what, a, b| row(what, human(a), human(b));
    vec![
        row("image", cut(&clean(&a.image), TEXT), cut(&clean(&b.image), TEXT)),
        row("layers", a.layers.to_string(), b.layers.to_string()),
        bytes("download", a.totals.download, b.totals.download),
        bytes("visible files", a.totals.visible, b.totals.visible),
        bytes("hidden files", a.totals.hidden, b.totals.hidden),
        bytes("only here", total(&comparison.files.only_a), total(&comparison.files.only_b)),
        bytes("differing", comparison.files.differ_a, comparison.files.differ_b),
        bytes("the same in both", comparison.files.same.bytes, comparison.files.same.bytes),
    ]
}

fn total(groups: &[Group]) -> u64 {
    groups.iter().map(|group| group.sum.bytes).sum()
}

fn layer_row(row: &Row) -> Vec<String> {
    let number = |layer: Option<usize>| layer.map_or_else(|| "-".to_owned(), |layer| layer.to_string());
    let shared = match (row.a, row.b) {
        (Some(_), Some(_)) if row.same_blob => "yes",
        (Some(_), Some(_)) => "content",
        _ => "",
    };
    let text = row.instruction.as_ref().map_or("(the image does not say)".into(), Instruction::words);
    let text = cut(&clean(&text), TEXT);
    vec![number(row.a), number(row.b), human(row.download), human(row.content), shared.to_owned(), text]
}

/// Writes the groups of files that only one image has.
fn write_groups(groups: &[Group], title: &str, output: &mut impl Write) -> io::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(output, "\n{title}: {}", human(total(groups)))?;
    let line = |group: &Group| {
        let kind = match &group.owner {
            Owner::Package { version, .. } => format!("package {}", clean(version)),
            Owner::Directory(_) => "directory".to_owned(),
            Owner::File(_) => "file".to_owned(),
        };
        vec![human(group.sum.bytes), group.sum.files.to_string(), clean(&name(group)), kind]
    };
    let mut rows: Vec<_> = groups.iter().take(NAMED).map(line).collect();
    if let Some(rest) = groups.get(NAMED..).filter(|rest| !rest.is_empty()) {
        let files: u64 = rest.iter().map(|group| group.sum.files).sum();
        rows.push(vec![
            human(total(rest)),
            files.to_string(),
            format!("({} others)", rest.len()),
            String::new(),
        ]);
    }
    write_table(&[">SIZE", ">FILES", "NAME", "KIND"], &rows, output)
}

/// Writes the files that differ.
fn write_differing(comparison: &Comparison, output: &mut impl Write) -> io::Result<()> {
    if comparison.files.differ == 0 {
        return Ok(());
    }
    writeln!(output, "\nNot the same: {} files", comparison.files.differ)?;
    let line = |file: &Differing| {
        let note = if file.metadata { " (mode, owner or attributes)" } else { "" };
        vec![human(file.a), human(file.b), format!("/{}{note}", clean(&file.path.display()))]
    };
    let rows: Vec<_> = comparison.files.differing.iter().take(NAMED).map(line).collect();
    write_table(&[">A", ">B", "PATH"], &rows, output)
}
