//! The report as one page for a browser. It loads nothing, and its policy allows only its own script. Without scripts
//! it still has the bars, the advice and the tables.

use super::data::data;
use super::escape::line;
use super::svg::HATCH;
use super::tree::{homes, tree};
use super::{Row, SHORT, Span, found, from_base, hidden, hues, rows, spans};
use crate::percent::percent;
use crate::report::Report;
use base64::{Engine, engine::general_purpose::STANDARD};
use libadvice::advice::{Advice, Change};
use libcli::{human, markup, spelled_out};
use libimage::image_cost::HiddenFile;
use libimage::ledger::Ledger;
use libimage::places::NONE;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// About how many bytes the names in the treemap may take.
const TREE: usize = 1_000_000;
/// How many visible files the table has, in addition to the hidden ones of the report.
const FILES: usize = 300;
/// How many characters of an instruction the table shows.
const TEXT: usize = 2000;

/// The page.
pub fn page(report: &Report, ledger: &Ledger) -> String {
    let (spans, nodes) = (spans(report), tree(ledger, TREE));
    let totals = &report.cost.totals;
    let style = STYLE.to_owned() + &hues::sheet("screen and (prefers-color-scheme: dark)");
    let files = files(report, ledger);
    let largest = format!(
        "The largest of {} visible and {} hidden files; image-files lists all.",
        totals.files, totals.hidden_files
    );
    let created = report.cost.created.as_deref().map(|time| format!(" · {time}")).unwrap_or_default();
    let about = format!("{} · {}{created}", report.cost.platform, report.cost.digest);
    let base = totals.base.filter(|base| base.layers > 0);
    let base = base
        .map(|base| format!("<small>{} the base&#39;s</small>", human(base.download)))
        .unwrap_or_default();
    let share = 100.0 * totals.hidden as f64 / totals.content.max(1) as f64;
    fill(&[
        ("script_hash", policy(SCRIPT)),
        ("style_hash", policy(&style)),
        ("style", style),
        ("script", SCRIPT.to_owned()),
        ("image", markup(&spelled_out(report.cost.name.as_bytes()))),
        ("about", markup(&spelled_out(about.as_bytes()))),
        ("download", human(totals.download)),
        ("base", base),
        ("content", human(totals.content)),
        ("hidden", human(totals.hidden)),
        ("lost", if totals.hidden > 0 { "lost" } else { "none" }.to_owned()),
        ("share", format!("{share:.1} %")),
        ("efficiency", percent(totals.efficiency)),
        ("hatch", HATCH.to_owned()),
        ("whole", drawn(|out| spans.iter().try_for_each(|span| bar(span, 0.15, out)))),
        ("from", drawn(|out| bracket(report, out))),
        ("layers", drawn(|out| rows(report, &spans).iter().try_for_each(|row| layers_row(report, row, out)))),
        ("advice", advice(report)),
        ("findings", drawn(|out| found::section(report, &spans, out))),
        ("options", drawn(|out| spans.iter().try_for_each(|span| option(span, out)))),
        ("files", files),
        ("largest", largest),
        ("data", data(&spans, &nodes)),
    ])
}

/// Fills the parts into the page. The inserted text is not searched, because it may look like a part.
fn fill(parts: &[(&str, String)]) -> String {
    let mut page = String::new();
    let mut left = PAGE;
    while let Some((before, (name, after))) =
        left.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
    {
        page.push_str(before);
        page.push_str(parts.iter().find(|(part, _)| *part == name).map_or("", |(_, text)| text));
        left = after;
    }
    page + left
}

/// The name of a script or style in a content security policy.
pub(crate) fn policy(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

fn drawn(draw: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = draw(&mut out);
    out
}

/// A layer's part of a bar, in hundredths of the bar. Every layer is visible: its width is at least `least`.
fn bar(span: &Span<'_>, least: f64, out: &mut String) -> fmt::Result {
    if span.is_empty() {
        return Ok(());
    }
    let len = (100.0 * span.len()).max(least);
    let start = (100.0 * span.start).min(100.0 - len);
    let cost = span.cost;
    write!(
        out,
        r#"<g><title>Layer {}: {}, {} of it hidden</title><rect class="h{}" x="{start:.3}%" width="{len:.3}%" height="100%"/>"#,
        cost.layer,
        human(cost.content),
        human(hidden(cost)),
        span.hue
    )?;
    if hidden(cost) > 0 {
        let hatched = (100.0 * span.hidden).clamp(0.15, len);
        write!(
            out,
            r#"<rect x="{:.3}%" width="{hatched:.3}%" height="100%" fill="url(#hidden)"/>"#,
            start + len - hatched
        )?;
    }
    write!(out, "</g>")
}

/// The part of the base, below the bar of all layers, with its FROM.
fn bracket(report: &Report, out: &mut String) -> fmt::Result {
    let Some((from, base)) = from_base(report) else { return Ok(()) };
    rule(base.content, report, out)?;
    writeln!(
        out,
        r#"<p class="dim"><span class="path">{} {}</span> brought {} to download.</p>"#,
        markup(&line(&from.place(), SHORT)),
        markup(&line(&from.text(), SHORT)),
        human(base.download)
    )
}

/// A rule below part of the bytes of all files.
fn rule(bytes: u64, report: &Report, out: &mut String) -> fmt::Result {
    let part = 100.0 * bytes as f64 / report.cost.totals.content.max(1) as f64;
    write!(out, r#"<svg class="brought" aria-hidden="true"><rect width="{part:.3}%" height="100%"/></svg>"#)
}

fn layers_row(report: &Report, row: &Row<'_>, out: &mut String) -> fmt::Result {
    let from = match row {
        Row::From(from) => from,
        Row::Layer(span) => return layer(span, out),
    };
    let (mut bar, mut sum) = (String::new(), "<td></td>".to_owned());
    if from.brought.layers > 0 {
        bar = drawn(|out| rule(from.brought.content, report, out));
        let running = human(from.brought.download);
        sum = format!(r#"<td class="number" data-label="running">{running}</td>"#);
    }
    writeln!(
        out,
        r#"<tr class="from"><td></td><td class="path">{}</td><td><span class="instruction">{}</span></td><td>{bar}</td><td></td>{sum}<td></td><td></td></tr>"#,
        markup(&line(&from.place(), SHORT)),
        markup(&line(&from.text(), TEXT)),
    )
}

fn layer(span: &Span<'_>, out: &mut String) -> fmt::Result {
    let cost = span.cost;
    let text = markup(&line(&span.text(), TEXT));
    let gone = match hidden(cost) {
        0 => "<td></td>".to_owned(),
        bytes => format!(r#"<td class="number gone" data-label="hidden">{}</td>"#, human(bytes)),
    };
    writeln!(
        out,
        r#"<tr><td><span class="swatch h{}"></span>{}</td><td class="path">{}</td><td><span class="instruction" title="{text}">{text}</span></td><td><svg class="bar" aria-hidden="true">{}</svg></td><td class="number" data-label="download">{}</td><td class="number" data-label="running">{}</td><td class="number" data-label="files">{}</td>{gone}</tr>"#,
        span.hue,
        cost.layer,
        markup(&line(&span.place(), SHORT)),
        drawn(|out| bar(span, 0.8, out)),
        human(cost.download),
        human(cost.running),
        human(cost.content),
    )
}

fn option(span: &Span<'_>, out: &mut String) -> fmt::Result {
    let number = span.cost.layer;
    write!(out, r#"<option value="{number}">{number}: {}</option>"#, markup(&line(&span.text(), SHORT)))
}

/// The advice, with the lines to paste.
fn advice(report: &Report) -> String {
    if report.advised().is_empty() {
        return String::new();
    }
    let one = |advice: &Advice, out: &mut String| {
        writeln!(
            out,
            r#"<article class="advice"><span class="saves">saves {}</span><h3>{}</h3><p class="dim">{}</p>"#,
            human(advice.saves_download),
            markup(&spelled_out(advice.title.as_bytes())),
            markup(&spelled_out(advice.why.as_bytes())),
        )?;
        advice.changes.iter().try_for_each(|change| changed(change, out))?;
        writeln!(out, "</article>")
    };
    format!(
        r#"<section aria-labelledby="advice-title">
<h2 id="advice-title">What to do</h2>
<p class="dim">Each on its own; what is saved is downloaded less, and computed from the layers.</p>
{}</section>
"#,
        drawn(|out| report.advised().iter().try_for_each(|advice| one(advice, out)))
    )
}

/// The new text of an instruction.
fn changed(change: &Change, out: &mut String) -> fmt::Result {
    let place = markup(&line(&change.place, SHORT));
    if change.lines.is_empty() {
        return writeln!(out, r#"<p><span class="path">{place}</span>: leave it out</p>"#);
    }
    // Tabs stay, because a here-document may need them.
    let whole = |text: &String| {
        text.split('\t').map(|part| spelled_out(part.as_bytes())).collect::<Vec<_>>().join("\t")
    };
    let lines: Vec<_> = change.lines.iter().map(|text| markup(&whole(text))).collect();
    writeln!(
        out,
        "<p class=\"place\"><span class=\"path\">{place}</span></p>\n<pre>{}</pre>",
        lines.join("\n")
    )
}

/// Rows of the largest files, visible and hidden, largest first.
fn files(report: &Report, ledger: &Ledger) -> String {
    let hues = hues(&report.cost.layers);
    let mut visible: Vec<_> =
        ledger.inodes.iter().zip(homes(ledger)).filter(|(_, home)| *home != NONE).collect();
    visible.sort_by_key(|(inode, _)| std::cmp::Reverse(inode.size));
    let visible = visible.into_iter().take(FILES).map(|(inode, home)| {
        let path = spelled_out(&ledger.places.path(home));
        (inode.size, path, usize::from(inode.layer) + 1, None)
    });
    let gone = |file: &HiddenFile| {
        let state = format!("{} by layer {}", file.fate, file.by);
        (file.bytes, spelled_out(file.path.as_bytes()), file.layer, Some(state))
    };
    let mut rows: Vec<_> = visible.chain(report.cost.hidden.iter().map(gone)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    let row = |(bytes, path, layer, gone): &(u64, String, usize, Option<String>), out: &mut String| {
        let (state, class) = if gone.is_some() { ("hidden", " class=\"gone\"") } else { ("visible", "") };
        writeln!(
            out,
            r#"<tr data-layer="{layer}" data-state="{state}"><td class="number">{}</td><td><span class="path">/{}</span></td><td class="number"><span class="swatch h{}"></span>{layer}</td><td{class}>{}</td></tr>"#,
            human(*bytes),
            markup(path),
            hues.get(layer.wrapping_sub(1)).unwrap_or(&0),
            gone.as_deref().unwrap_or("visible")
        )
    };
    drawn(|out| rows.iter().try_for_each(|entry| row(entry, out)))
}
