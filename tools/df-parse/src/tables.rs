//! The targets and the outline as aligned text.

use serde_json::Value;
use std::io::{self, Write};

/// The targets as a table.
pub fn write_targets(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    let target = |target: &Value| {
        let name = text(target, "name");
        let name = match (target["default"] == true, name.is_empty()) {
            (true, true) => "(default)".into(),
            (true, false) => format!("{name} (default)"),
            (false, _) => name,
        };
        vec![name, text(target, "description")]
    };
    table(&["TARGET", "DESCRIPTION"], list(value, "targets").map(target), 1, out)
}

/// The outline as tables.
pub fn write_outline(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    let (name, description) = (text(value, "name"), text(value, "description"));
    if !name.is_empty() {
        writeln!(out, "TARGET:      {name}")?;
        if !description.is_empty() {
            writeln!(out, "DESCRIPTION: {description}")?;
        }
        writeln!(out)?;
    }
    let arg = |arg: &Value| vec![text(arg, "name"), text(arg, "value"), text(arg, "description")];
    section(&["BUILD ARG", "VALUE", "DESCRIPTION"], value, "args", arg, out)?;
    let mount = |item: &Value| {
        let required = if item["required"] == true { "true" } else { "" };
        vec![text(item, "name"), required.into()]
    };
    section(&["SECRET", "REQUIRED"], value, "secrets", mount, out)?;
    section(&["SSH", "REQUIRED"], value, "ssh", mount, out)?;
    section(&["CACHE"], value, "cache", |item| vec![text(item, "ID")], out)
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn section(
    titles: &[&str],
    value: &Value,
    key: &str,
    row: impl Fn(&Value) -> Vec<String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if list(value, key).next().is_none() {
        return Ok(());
    }
    table(titles, list(value, key).map(row), 3, out)?;
    writeln!(out)
}

/// Makes columns as wide as their widest cell plus `gap`, except for the last.
fn table(
    titles: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    gap: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let columns = titles.len();
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let rows: Vec<_> = std::iter::once(titles).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &rows {
        let (last, cells) = row.split_last().map_or(("", &row[..]), |(last, cells)| (last.as_str(), cells));
        for (cell, width) in cells.iter().zip(&widths) {
            write!(out, "{cell:<width$}", width = width + gap)?;
        }
        writeln!(out, "{last}")?;
    }
    Ok(())
}
