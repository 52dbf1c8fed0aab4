//! Lines for a terminal: cleaned, and cut or broken at its width, if it has one.

use libcli::{cut, wrapped};

/// How many hidden files and findings get a line.
pub(super) const NAMED: usize = 10;
/// Below this width, prose is not broken.
const NARROWEST: usize = 30;

/// A line cut to a terminal's width, if it has one.
pub(super) fn fitted(line: String, width: Option<usize>) -> String {
    match width {
        Some(width) => cut(&line, width),
        None => line,
    }
}

/// A text in lines of a terminal's width, if it has one, after `before` columns.
pub(crate) fn lines(text: &str, width: Option<usize>, before: usize) -> Vec<String> {
    match width {
        Some(width) => wrapped(text, width.saturating_sub(before).max(NARROWEST)),
        None => vec![text.to_owned()],
    }
}
