//! The layers as bars of block characters, for a terminal. Each begins where the one before it ends, and the hidden
//! part is shaded.

use super::escape::{self, line};
use super::{Row, Span, hidden, rows, spans};
use crate::report::Report;
use libcli::{columns, cut, human, padded};
use libimage::from_cost::FromCost;
use std::io::{self, Write};

/// The columns for the layer's number, for its bytes, and between columns.
const NUMBER: usize = 3;
const BYTES: usize = 9;
const GAPS: usize = 8;
/// From this width there is room for the download, too.
const WIDE: usize = 100;
/// The heading of the column of places.
const HEAD: &str = "PLACE";
/// The largest width of a place.
const PLACE: usize = 18;
/// Below this width neither a picture nor a bar is drawn.
const NARROWEST: usize = 40;
const SHORTEST: usize = 8;
/// A colour of the 256 for each hue. All are visible on white and on black, because the background is unknown.
pub const COLOURS: [u8; super::HUES + 1] = [245, 33, 166, 29, 99, 100, 162, 31, 131];

/// The properties of a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Canvas {
    /// The width in columns.
    pub width: usize,
    /// Whether to use colours: the terminal has them, and its user wants them.
    pub colour: bool,
    /// Whether its user wants bars.
    pub bars: bool,
}

/// Writes the bars: a line for each layer, and one for each FROM below the layers it brought.
pub fn write(report: &Report, canvas: Canvas, output: &mut impl Write) -> io::Result<()> {
    let spans = spans(report);
    let places = spans.iter().map(Span::place).chain(report.cost.from.iter().map(FromCost::place));
    let place = places.map(|place| columns(&place)).max().unwrap_or(0).clamp(HEAD.len(), PLACE);
    let download = if canvas.width >= WIDE { BYTES + 2 } else { 0 };
    let room = canvas.width.max(NARROWEST).saturating_sub(NUMBER + BYTES + GAPS + download);
    let place = place.min(room.saturating_sub(SHORTEST));
    let left = room.saturating_sub(place);
    let bar = (left * 3 / 5).clamp(SHORTEST, 60);
    let text = left.saturating_sub(bar);
    let at = |of: String| padded(&escape::place(&of, place), place);
    let sizes = |files: String, blob: String| match download {
        0 => format!("{files:>BYTES$}"),
        _ => format!("{files:>BYTES$}  {blob:>BYTES$}"),
    };
    let head = sizes("FILES".into(), "DOWNLOAD".into());
    writeln!(output, "LAY  {}  {:bar$}  {head}  {}", at(HEAD.into()), "", line("INSTRUCTION", text))?;
    for row in rows(report, &spans) {
        match row {
            Row::From(from) => {
                write!(output, "{:NUMBER$}  {}  ", "", at(from.place()))?;
                rule(from.brought.content, report.cost.totals.content, bar, output)?;
                let bytes = |bytes| if from.brought.layers > 0 { human(bytes) } else { String::new() };
                let sizes = sizes(bytes(from.brought.content), bytes(from.brought.download));
                writeln!(output, "  {sizes}  {}", line(&from.text(), text))?;
            }
            Row::Layer(span) => {
                write!(output, "{:>NUMBER$}  {}  ", span.cost.layer, at(span.place()))?;
                draw(&span, bar, canvas.colour, output)?;
                let sizes = sizes(human(span.cost.content), human(span.cost.download));
                writeln!(output, "  {sizes}  {}", line(&span.text(), text))?;
            }
        }
    }
    let wasted: u64 = spans.iter().map(|span| hidden(span.cost)).sum();
    let shade = if wasted > 0 { "▒ is paid for and not visible; " } else { "" };
    let legend = format!("{shade}each bar begins where the one before ends");
    writeln!(output, "{:NUMBER$}  {}", "", cut(&legend, canvas.width.saturating_sub(NUMBER + 2)))
}

/// Writes a rule below the layers that a FROM brought.
fn rule(bytes: u64, whole: u64, width: usize, output: &mut impl Write) -> io::Result<()> {
    let part = bytes as f64 / whole.max(1) as f64;
    let len = ((part * width as f64).round() as usize).min(width);
    write!(output, "{}{:2$}", "─".repeat(len), "", width - len)
}

/// Writes one bar. Its line is `width` columns wide.
fn draw(span: &Span<'_>, width: usize, colour: bool, output: &mut impl Write) -> io::Result<()> {
    let at = |part: f64| ((part * width as f64).round() as usize).min(width);
    if span.is_empty() {
        return write!(output, "{:width$}", "");
    }
    // Every layer is visible, however small.
    let start = at(span.start).min(width - 1);
    let end = at(span.start + span.len()).max(start + 1);
    let hides = hidden(span.cost) > 0;
    let edge = match (hides, span.cost.visible > 0) {
        (false, _) => end,
        (true, false) => start,
        // A single column shows what most of it is. If it were shaded for a small hidden part, all of it would look
        // hidden.
        (true, true) if end - start == 1 => {
            if hidden(span.cost) > span.cost.visible {
                start
            } else {
                end
            }
        }
        (true, true) => at(span.start + span.visible).clamp(start + 1, end - 1),
    };
    let (solid, shaded) = ("█".repeat(edge - start), "▒".repeat(end - edge));
    let code = COLOURS[span.hue];
    match colour {
        true => write!(output, "{:start$}\x1b[38;5;{code}m{solid}{shaded}\x1b[0m", "")?,
        false => write!(output, "{:start$}{solid}{shaded}", "")?,
    }
    write!(output, "{:1$}", "", width - end)
}
