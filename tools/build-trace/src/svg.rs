//! SVG as text: what comes from records is cleaned, cut and escaped here, and nowhere else.

use std::fmt::{self, Write};

/// Text as it may stand in XML, in an attribute too.
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // Line ends of our own, in tooltips, are the only control characters XML gets.
        for (at, line) in self.0.split('\n').enumerate() {
            if at > 0 {
                f.write_char('\n')?;
            }
            for c in libcli::sanitise(line).chars() {
                match c {
                    '&' => f.write_str("&amp;")?,
                    '<' => f.write_str("&lt;")?,
                    '>' => f.write_str("&gt;")?,
                    '"' => f.write_str("&quot;")?,
                    '\'' => f.write_str("&#39;")?,
                    '\u{fffe}' | '\u{ffff}' => f.write_char('?')?,
                    c => f.write_char(c)?,
                }
            }
        }
        Ok(())
    }
}

/// The beginning of `text`, at most `columns` wide, with a mark when there is more. Wide letters count twice.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    let wide = |c: char| if c < '\u{1100}' { 1 } else { 2 };
    if text.chars().take(columns + 1).map(wide).sum::<usize>() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut kept: String = text
        .chars()
        .take_while(|&c| {
            let fits = wide(c) <= left;
            left = left.saturating_sub(wide(c));
            fits
        })
        .collect();
    kept.push('…');
    kept
}

/// A place and size, with one digit behind the point.
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
        // Writing to memory can't fail.
        let _ = writeln!(self.0, "{markup}");
    }

    /// A rectangle of a class.
    pub fn rect(&mut self, class: &str, rect: Rect) {
        self.raw(format_args!("<rect class=\"{class}\" {rect}/>"));
    }

    /// A line of text that begins at x, on the base line y.
    pub fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.raw(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", Escaped(text)));
    }

    /// A line of text in a box that it never leaves, `letter` wide each letter.
    pub fn fitted(&mut self, class: &str, rect: Rect, letter: f64, text: &str) {
        let columns = (rect.width / letter).floor();
        if columns < 3.0 {
            return;
        }
        // In range: it is at least 3, and no chart is wider than a line of this many letters.
        let text = cut(&libcli::sanitise(text), columns.min(1e6) as usize);
        self.raw(format_args!("<svg {rect}>"));
        self.text(class, 0.0, rect.height * 0.5 + 4.0, &text);
        self.raw("</svg>");
    }

    /// Groups what `draw` adds under a tooltip.
    pub fn titled(&mut self, title: &str, draw: impl FnOnce(&mut Self)) {
        self.raw(format_args!("<g><title>{}</title>", Escaped(title)));
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
        assert_eq!(Escaped(text).to_string(), "&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;????\n é");
    }

    #[test]
    fn text_is_cut_to_its_columns() {
        for (text, columns, expected) in [
            ("RUN make", 8, "RUN make"),
            ("RUN make", 7, "RUN ma…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本", 2, "…"),
            ("x", 0, "…"),
        ] {
            assert_eq!(cut(text, columns), expected);
        }
    }
}
