//! Branches as lines: the largest of each directory, and the number of the others.

use crate::branches::{Branch, Share};
use libcli::{human, sanitise as clean, write_table};
use std::io::{self, Write};

/// How many entries of each directory are named.
const NAMED: usize = 12;

/// Writes branches with their head.
pub fn write(branches: &[Branch], output: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = lines(branches).into_iter().map(row).collect();
    write_table(&[">SIZE", ">ENTRIES", "LAYER", "OWNER", "MODE", "PATH"], &rows, output)
}

enum Line<'a> {
    Branch(&'a Branch),
    Others(Others),
}

/// The entries of a directory so far, and the sums of the others.
#[derive(Clone, Copy, Default)]
struct Others {
    depth: usize,
    seen: usize,
    bytes: u64,
    entries: u64,
}

fn row(line: Line) -> Vec<String> {
    match line {
        Line::Branch(branch) => {
            let is = branch.is.as_ref();
            vec![
                human(branch.bytes),
                branch.entries.to_string(),
                payer(&branch.layers),
                is.map_or_else(String::new, |is| format!("{}:{}", is.uid, is.gid)),
                is.map_or_else(String::new, |is| is.mode.clone()),
                format!("{}{}", "  ".repeat(branch.depth), name(branch)),
            ]
        }
        Line::Others(others) => {
            let name = format!("{}({} others)", "  ".repeat(others.depth), others.seen - NAMED);
            let nothing = String::new;
            vec![human(others.bytes), others.entries.to_string(), nothing(), nothing(), nothing(), name]
        }
    }
}

/// The named branches, and a line for the others of each directory.
fn lines(branches: &[Branch]) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut open: Vec<Others> = Vec::new();
    for branch in branches {
        close(&mut open, branch.depth + 1, &mut lines);
        while open.len() <= branch.depth {
            open.push(Others { depth: open.len(), ..Others::default() });
        }
        let of = &mut open[branch.depth];
        of.seen += 1;
        if of.seen > NAMED {
            (of.bytes, of.entries) = (of.bytes + branch.bytes, of.entries + branch.entries);
        }
        if open.iter().all(|others| others.seen <= NAMED) {
            lines.push(Line::Branch(branch));
        }
    }
    close(&mut open, 0, &mut lines);
    lines
}

/// Ends the directories at `depth` and deeper.
fn close(open: &mut Vec<Others>, depth: usize, lines: &mut Vec<Line<'_>>) {
    while open.len() > depth {
        let ended = open.pop();
        // The entries of a directory that is not named are not named either.
        let named = open.iter().all(|others| others.seen <= NAMED);
        lines.extend(ended.filter(|others| named && others.seen > NAMED).map(Line::Others));
    }
}

/// The layer that pays most, with a plus if others pay too.
fn payer(shares: &[Share]) -> String {
    match shares {
        [] => String::new(),
        [one] => one.layer.to_string(),
        [most, ..] => format!("{}+", most.layer),
    }
}

fn name(branch: &Branch) -> String {
    let target = branch.is.as_ref().and_then(|is| is.target.as_ref());
    let leads =
        target.map_or_else(String::new, |target| format!(" -> {}", String::from_utf8_lossy(&target.0)));
    format!("{}{}", super::words::path(&branch.path), clean(&leads))
}
