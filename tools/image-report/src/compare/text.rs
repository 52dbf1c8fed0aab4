//! A comparison for a terminal or a pipe. It takes one and prints it.

use super::explain::name;
use super::{Comparison, Group, Row, What};
use crate::text::lines;
use libcli::{cut, human, sanitise as clean, write_table};
use libimage::instruction::Instruction;
use std::io::{self, Write};

/// Columns for an instruction's text.
const TEXT: usize = 60;
/// Groups and files named.
const NAMED: usize = 12;

/// Writes the comparison, its sentences broken for a terminal of `width` columns.
pub fn write(it: &Comparison, width: Option<usize>, output: &mut impl Write) -> io::Result<()> {
    for line in it.explanation.iter().flat_map(|sentence| lines(&clean(sentence), width, 0)) {
        writeln!(output, "{line}")?;
    }
    writeln!(output)?;
    write_table(&["", ">A", ">B"], &sums(it), output)?;
    writeln!(output)?;
    let layers: Vec<_> = it.layers.iter().map(row).collect();
    write_table(&[">A", ">B", ">DOWNLOAD", ">FILES", "SHARED", "INSTRUCTION"], &layers, output)?;
    groups(&it.files.only_a, "Only in A", output)?;
    groups(&it.files.only_b, "Only in B", output)?;
    differing(it, output)
}

fn sums(it: &Comparison) -> Vec<Vec<String>> {
    let (a, b) = (&it.a, &it.b);
    let row = |what: &str, a: String, b: String| vec![what.to_owned(), a, b];
    let bytes = |what, a, b| row(what, human(a), human(b));
    vec![
        row("image", cut(&clean(&a.image), TEXT), cut(&clean(&b.image), TEXT)),
        row("layers", a.layers.to_string(), b.layers.to_string()),
        bytes("download", a.totals.download, b.totals.download),
        bytes("visible files", a.totals.visible, b.totals.visible),
        bytes("hidden files", a.totals.hidden, b.totals.hidden),
        bytes("only here", total(&it.files.only_a), total(&it.files.only_b)),
        bytes("differing", it.files.differ_a, it.files.differ_b),
        bytes("the same in both", it.files.same.bytes, it.files.same.bytes),
    ]
}

fn total(groups: &[Group]) -> u64 {
    groups.iter().map(|group| group.sum.bytes).sum()
}

fn row(row: &Row) -> Vec<String> {
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

fn groups(groups: &[Group], title: &str, output: &mut impl Write) -> io::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(output, "\n{title}: {}", human(total(groups)))?;
    let line = |group: &Group| {
        let kind = match &group.what {
            What::Package { version, .. } => format!("package {}", clean(version)),
            What::Directory(_) => "directory".to_owned(),
            What::File(_) => "file".to_owned(),
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

fn differing(it: &Comparison, output: &mut impl Write) -> io::Result<()> {
    if it.files.differ == 0 {
        return Ok(());
    }
    writeln!(output, "\nNot the same: {} files", it.files.differ)?;
    let line = |file: &super::Differing| {
        let note = if file.metadata { " (mode, owner or attributes)" } else { "" };
        vec![human(file.a), human(file.b), format!("/{}{note}", clean(&file.path.display()))]
    };
    let rows: Vec<_> = it.files.differing.iter().take(NAMED).map(line).collect();
    write_table(&[">A", ">B", "PATH"], &rows, output)
}
