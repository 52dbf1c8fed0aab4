//! The layers as a picture for a README: one bar for all, and a row for each of the largest, in the image's order. It
//! is well-formed XML that loads nothing and runs nothing, and follows the reader's light or dark theme.

use super::escape::{self, line};
use super::{Span, from_base, hidden, hues, spans};
use crate::report::Report;
use libcli::{columns, cut, human, markup, spelled_out};
use libimage::from_cost::{Brought, FromCost};
use std::fmt::{self, Write};

/// The width of the picture, and the margin at its edges.
const WIDTH: f64 = 840.0;
const EDGE: f64 = 24.0;
/// The position of the first row, its offset below a base's bracket, and the distance between rows.
const ROWS: f64 = 148.0;
const BRACKET: f64 = 16.0;
const ROW: f64 = 26.0;
/// The start of a row's bar, and its width.
const BAR: f64 = 500.0;
const BAR_WIDTH: f64 = 236.0;
/// The width of a character of an instruction, in a monospaced font of 12 pixels, and a little more.
const CHARACTER: f64 = 7.3;
/// How many characters of a place and how many rows are shown.
const PLACE: usize = 18;
const MOST_ROWS: usize = 24;
const STYLE: &str = include_str!("svg.css");

/// The picture.
pub fn svg(report: &Report) -> String {
    let mut picture = String::new();
    // Writing to a String cannot fail.
    let _ = write(report, &mut picture);
    picture
}

fn write(report: &Report, out: &mut String) -> fmt::Result {
    let spans = spans(report);
    let rows = largest(&spans);
    let base = from_base(report);
    let top = ROWS + if base.is_some() { BRACKET } else { 0.0 };
    let height = top + ROW * (rows.len() + usize::from(rows.len() < spans.len())) as f64 + 50.0;
    open(report, height, out)?;
    head(report, out)?;
    whole(&spans, out)?;
    if let Some((from, base)) = base {
        bracket(from, base, report.cost.totals.content, out)?;
    }
    let place = rows.iter().map(|span| columns(&span.place())).max().unwrap_or(0).min(PLACE);
    for (at, span) in rows.iter().enumerate() {
        row(span, top + ROW * at as f64, place, out)?;
    }
    if rows.len() < spans.len() {
        rest(report, &rows, top + ROW * rows.len() as f64 + 16.0, out)?;
    }
    legend(report, height - 22.0, out)?;
    writeln!(out, "</svg>")
}

/// The start of the document, with the definitions that are used later.
fn open(report: &Report, height: f64, out: &mut String) -> fmt::Result {
    let title = format!("What {} costs", spelled_out(report.cost.name.as_bytes()));
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">
<title id="title">{}</title>
<style>
{STYLE}{}</style>
<defs>
{HATCH}
<clipPath id="whole"><rect x="{EDGE}" y="84" width="{}" height="36" rx="6"/></clipPath>
</defs>
<rect class="page" x=".5" y=".5" width="{}" height="{}" rx="10"/>"#,
        markup(&title),
        hues::sheet("(prefers-color-scheme: dark)"),
        WIDTH - 2.0 * EDGE,
        WIDTH - 1.0,
        height - 1.0
    )
}

/// A line for the layers that have no row.
fn rest(report: &Report, rows: &[Span<'_>], y: f64, out: &mut String) -> fmt::Result {
    let shown: u64 = rows.iter().map(|span| span.cost.content).sum();
    let bytes = human(report.cost.totals.content.saturating_sub(shown));
    let count = report.cost.layers.len() - rows.len();
    writeln!(
        out,
        r#"<text class="dim" x="{EDGE}" y="{y}">and {count} smaller layers, {bytes} together</text>"#
    )
}

/// Stripes of the background over a layer's colour: hidden bytes.
pub const HATCH: &str = r##"<pattern id="hidden" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="stripe" width="3" height="7"/></pattern>"##;

/// The rows: the largest layers, in the order of the image.
fn largest<'a>(spans: &[Span<'a>]) -> Vec<Span<'a>> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(spans[at].cost.content));
    order.truncate(MOST_ROWS);
    order.sort_unstable();
    order.into_iter().map(|at| spans[at]).collect()
}

fn head(report: &Report, out: &mut String) -> fmt::Result {
    let totals = &report.cost.totals;
    let image = cut(&spelled_out(report.cost.name.as_bytes()), 52);
    let digest = report.cost.digest.hex();
    let (right, middle) = (WIDTH - EDGE, WIDTH * 0.68);
    writeln!(
        out,
        r#"<svg x="0" y="0" width="{middle}" height="48"><text class="title" x="{EDGE}" y="40">{}</text></svg>
<text class="dim code" x="{right}" y="40" text-anchor="end">{} · {}</text>"#,
        markup(&image),
        markup(&line(&report.cost.platform, 16)),
        digest.get(..12).unwrap_or(&digest)
    )?;
    let share = 100.0 * totals.hidden as f64 / totals.content.max(1) as f64;
    let lost = match totals.hidden {
        0 => "all of them visible".to_owned(),
        bytes => format!("{} of them paid for and not visible ({share:.1} %)", human(bytes)),
    };
    writeln!(
        out,
        r#"<text x="{EDGE}" y="66"><tspan class="strong">{}</tspan> to download, <tspan class="strong">{}</tspan> of files, {lost}</text>"#,
        human(totals.download),
        human(totals.content)
    )
}

/// The bar of all layers.
fn whole(spans: &[Span<'_>], out: &mut String) -> fmt::Result {
    writeln!(
        out,
        r#"<g clip-path="url(#whole)"><rect class="track" x="{EDGE}" y="84" width="{}" height="36"/>"#,
        WIDTH - 2.0 * EDGE
    )?;
    for span in spans.iter().filter(|span| !span.is_empty()) {
        bar(span, EDGE, 84.0, WIDTH - 2.0 * EDGE, 36.0, out)?;
    }
    writeln!(out, "</g>")
}

/// A bracket below the bar of all layers, as wide as the base, with its description.
fn bracket(from: &FromCost, base: Brought, whole: u64, out: &mut String) -> fmt::Result {
    let width = (base.content as f64 / whole.max(1) as f64 * (WIDTH - 2.0 * EDGE)).max(6.0);
    let (place, text) = (escape::place(&from.place(), PLACE), line(&from.text(), 60));
    writeln!(
        out,
        r#"<path class="bracket" d="M{EDGE} 124v6h{width:.2}v-6"/><text class="dim" x="{EDGE}" y="147"><tspan class="code">{}</tspan> brought {} to download</text>"#,
        markup(&format!("{place} {text}")),
        human(base.download)
    )
}

/// A layer's part of a bar. `width` is that of the whole bar.
fn bar(span: &Span<'_>, x: f64, y: f64, width: f64, height: f64, out: &mut String) -> fmt::Result {
    // Every layer is visible, however small.
    let len = (span.len() * width).max(1.0);
    let start = x + (span.start * width).min(width - len);
    let tip = format!("layer {}: {}", span.cost.layer, human(span.cost.content));
    // A gap separates neighbours of the same hue, if there is room.
    let drawn = if len > 4.0 { len - 1.0 } else { len };
    write!(
        out,
        r#"<g><title>{tip}</title><rect class="h{}" x="{start:.2}" y="{y}" width="{drawn:.2}" height="{height}"/>"#,
        span.hue
    )?;
    if hidden(span.cost) > 0 {
        let hatched = (span.hidden * width).clamp(1.0, drawn);
        let from = start + drawn - hatched;
        write!(
            out,
            r#"<rect x="{from:.2}" y="{y}" width="{hatched:.2}" height="{height}" fill="url(#hidden)"/>"#
        )?;
    }
    writeln!(out, "</g>")
}

fn row(span: &Span<'_>, y: f64, place: usize, out: &mut String) -> fmt::Result {
    let (cost, middle) = (span.cost, y + 16.0);
    let place_at = EDGE + 52.0;
    let text_at = place_at + CHARACTER * place as f64 + if place > 0 { 12.0 } else { 0.0 };
    let room = BAR - 16.0 - text_at;
    writeln!(
        out,
        r#"<rect class="h{}" x="{EDGE}" y="{}" width="12" height="12" rx="3"/><text class="dim code" x="{}" y="{middle}" text-anchor="end">{}</text>"#,
        span.hue,
        y + 6.0,
        EDGE + 42.0,
        cost.layer
    )?;
    writeln!(
        out,
        r#"<text class="dim code" x="{place_at}" y="{middle}">{}</text><svg x="{text_at:.1}" y="{y}" width="{room:.1}" height="{ROW}"><text class="code" x="0" y="16">{}</text></svg>"#,
        markup(&escape::place(&span.place(), place)),
        markup(&line(&span.text(), (room / CHARACTER) as usize))
    )?;
    writeln!(
        out,
        r#"<rect class="track" x="{BAR}" y="{}" width="{BAR_WIDTH}" height="14" rx="3"/>"#,
        y + 5.0
    )?;
    if !span.is_empty() {
        bar(span, BAR, y + 5.0, BAR_WIDTH, 14.0, out)?;
    }
    let right = WIDTH - EDGE;
    writeln!(out, r#"<text x="{right}" y="{middle}" text-anchor="end">{}</text>"#, human(cost.content))
}

fn legend(report: &Report, y: f64, out: &mut String) -> fmt::Result {
    let right = WIDTH - EDGE;
    if report.cost.totals.hidden > 0 {
        writeln!(
            out,
            r##"<rect class="h1" x="{EDGE}" y="{}" width="22" height="12"/><rect x="{EDGE}" y="{}" width="22" height="12" fill="url(#hidden)"/><text class="dim" x="{}" y="{y}">paid for and not visible</text>"##,
            y - 10.0,
            y - 10.0,
            EDGE + 30.0
        )?;
    }
    writeln!(
        out,
        r#"<text class="dim" x="{right}" y="{y}" text-anchor="end">bytes of files; each layer begins where the one before ended</text>"#
    )
}
