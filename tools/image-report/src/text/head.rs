//! The first lines of a report: the image, its cost, and the change that saves most. It computes nothing.

use super::line::lines;
use crate::percent::percent;
use crate::report::Report;
use libcli::{columns, human, sanitise as clean};
use libimage::image_cost::Totals;
use libimage::layer_cost::LayerCost;
use std::io::{self, Write};

/// How many digits of a digest are shown in a short form, as in image-list(1).
const SHORT: usize = 12;

pub(super) fn write(report: &Report, width: Option<usize>, output: &mut impl Write) -> io::Result<()> {
    let totals = &report.cost.totals;
    writeln!(output, "{}", name(report, width))?;
    let uncompressed = if stored_plainly(report) { "; the layers are not compressed" } else { "" };
    let shares = shares(totals);
    say(&format!("{} to download{uncompressed}{shares}", human(totals.download)), width, output)?;
    let (content, visible, hidden) = (human(totals.content), human(totals.visible), human(totals.hidden));
    let score = percent(totals.efficiency);
    say(
        &format!("{content} of files: {visible} visible, {hidden} hidden; efficiency {score}"),
        width,
        output,
    )?;
    if let Some(most) = report.advised().first() {
        let (title, saved) = (clean(&most.title), human(most.saves_download));
        say(&format!("{saved} less to download, if you {title}; see below"), width, output)?;
    }
    writeln!(output)
}

fn say(text: &str, width: Option<usize>, output: &mut impl Write) -> io::Result<()> {
    lines(text, width, 0).iter().try_for_each(|line| writeln!(output, "{line}"))
}

fn name(report: &Report, width: Option<usize>) -> String {
    let line = |digest: &str| format!("{}  {digest}  {}", clean(&report.cost.name), report.cost.platform);
    let whole = line(&report.cost.digest.to_string());
    match width {
        Some(width) if columns(&whole) > width => line(&report.cost.digest.hex()[..SHORT]),
        _ => whole,
    }
}

/// Whether all layers are bare tars, as from docker save: a registry stores them smaller.
fn stored_plainly(report: &Report) -> bool {
    let plain = |layer: &LayerCost| layer.download == layer.tar || layer.download == 0;
    report.cost.totals.download > 0 && report.cost.layers.iter().all(plain)
}

/// How much of the download belongs to the base and to the Dockerfile, if known.
fn shares(totals: &Totals) -> String {
    match totals.base.filter(|base| base.layers > 0) {
        Some(base) => {
            let own = totals.download.saturating_sub(base.download);
            format!(": {} are the base's, {} the Dockerfile's", human(base.download), human(own))
        }
        None => String::new(),
    }
}
