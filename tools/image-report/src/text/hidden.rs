//! Which layer hid how much, the largest first, and the largest hidden files. It computes only the number of lines
//! left out.

use super::line::{NAMED, fitted};
use crate::report::Report;
use libcli::{human, sanitise as clean};
use libimage::layer_cost::LayerCost;
use libimage::words;
use std::io::{self, Write};

pub(super) fn write(report: &Report, width: Option<usize>, output: &mut impl Write) -> io::Result<()> {
    let totals = &report.cost.totals;
    if totals.hidden == 0 {
        return Ok(());
    }
    let (hidden, files) = (human(totals.hidden), totals.hidden_files);
    writeln!(output, "\nPaid for and not visible: {hidden} in {}", counted(files))?;
    let of = |cost: &LayerCost| cost.hidden.iter().map(|sum| (cost.layer, *sum)).collect::<Vec<_>>();
    let (lines, smaller) = words::hidden(report.cost.layers.iter().flat_map(of).collect(), &report.cost);
    for line in lines {
        writeln!(output, "{}", fitted(line, width))?;
    }
    if let Some(smaller) = smaller {
        writeln!(output, "{smaller}")?;
    }
    writeln!(output, "The largest:")?;
    for file in report.cost.hidden.iter().take(NAMED) {
        let path = clean(&file.path.display());
        let (bytes, fate) = (human(file.bytes), file.fate);
        writeln!(output, "  {bytes:>9}  /{path}  (layer {}, {fate} by {})", file.layer, file.by)?;
    }
    Ok(())
}

fn counted(files: u64) -> String {
    if files == 1 { "a file".to_owned() } else { format!("{files} files") }
}
