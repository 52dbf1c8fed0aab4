//! SVG as text. Text from records is cleaned, cut and escaped here, and nowhere else.

use libcli::{cut, markup, spelled_out};
use std::fmt::{self, Write};

/// Text for XML, attributes included. Its only control characters are our own line ends in tooltips.
pub(crate) fn escaped(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(line).collect();
    markup(&lines.join("\n"))
}

/// Text on one line, with invisible characters escaped.
fn line(text: &str) -> String {
    let blank = text.trim_end_matches('\n').replace('\n', " | ").replace('\t', " ");
    spelled_out(blank.as_bytes())
}

/// A position and size, with one digit after the decimal point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl fmt::Display for Rect {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { x, y, width, height } = self;
        write!(f, "x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"")
    }
}

/// A document that is written from top to bottom.
#[derive(Default)]
pub(crate) struct Drawing(String);

impl Drawing {
    /// Adds markup of our own.
    pub fn raw(&mut self, markup: impl fmt::Display) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.0, "{markup}");
    }

    /// A rectangle of a class.
    pub fn rect(&mut self, class: &str, rect: Rect) {
        self.raw(format_args!("<rect class=\"{class}\" {rect}/>"));
    }

    /// A line of text that begins at x, on the base line y.
    pub fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.raw(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text)));
    }

    /// A line of text in a box, cut so that it fits. `letter` is the width of a letter.
    pub fn fitted(&mut self, class: &str, rect: Rect, letter: f64, text: &str) {
        let columns = (rect.width / letter).floor();
        if columns < 3.0 {
            return;
        }
        // It is at least 3, and no chart is wider than a line of this many letters.
        let text = cut(&line(text), columns.min(1e6) as usize);
        self.raw(format_args!("<svg {rect}>"));
        self.text(class, 0.0, rect.height * 0.5 + 4.0, &text);
        self.raw("</svg>");
    }

    /// Groups the output of `draw` under a tooltip.
    pub fn titled(&mut self, title: &str, draw: impl FnOnce(&mut Self)) {
        self.raw(format_args!("<g><title>{}</title>", escaped(title)));
        draw(self);
        self.raw("</g>");
    }

    /// The document.
    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_neither_end_its_element_nor_break_the_document() {
        let text = "</title><script>\"'&\u{0}\u{1b}\u{85}\u{fffe}\n é";
        assert_eq!(escaped(text), "&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;\\x00\\x1b\\x85\\u{fffe}\n é");
    }
}
