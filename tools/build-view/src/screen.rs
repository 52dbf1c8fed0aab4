//! Draws lines that scroll away, and below them a region that the next drawing replaces. The cursor stays at the start
//! of the line below, so that a prompt, or the output of another program, begins a line.

use crate::row::Row;
use libcli::columns;
use rustix::termios::tcgetwinsize;
use std::os::fd::AsFd;

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// The size of a terminal now; 80 columns and 24 rows if it has none.
    pub fn of(terminal: &impl AsFd) -> Self {
        let size = tcgetwinsize(terminal).ok();
        let of = |number: Option<u16>, usual| number.filter(|number| *number > 0).map_or(usual, usize::from);
        Self { width: of(size.map(|size| size.ws_col), 80), height: of(size.map(|size| size.ws_row), 24) }
    }

    /// The columns that are used. The last one is not, because some terminals begin a new line after it.
    pub fn columns(self) -> usize {
        self.width.saturating_sub(1)
    }
}

/// A screen with a region at the end of what was written to it.
pub struct Screen {
    colour: bool,
    /// Columns of the rows of the region.
    region: Vec<usize>,
}

impl Screen {
    /// A screen without a region.
    pub fn new(colour: bool) -> Self {
        Self { colour, region: Vec::new() }
    }

    /// The text that replaces the region by `lines`, which stay, and the rows of a new region. A terminal that became
    /// narrower has broken the old rows, as most do.
    pub fn frame(&mut self, lines: &[Row], region: &[Row], size: Size) -> String {
        let up: usize = self.region.iter().map(|taken| taken.div_ceil(size.width.max(1)).max(1)).sum();
        let mut text = if up > 0 { format!("\x1b[{up}A\r\x1b[J") } else { String::new() };
        for row in lines.iter().chain(region) {
            text += &match self.colour {
                true => row.coloured(size.columns()),
                false => row.text(size.columns()),
            };
            text += "\r\n";
        }
        self.region = region.iter().map(|row| columns(&row.text(size.columns()))).collect();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Kind;

    fn rows(texts: &[&str]) -> Vec<Row> {
        texts.iter().map(|text| Row::new(Kind::Plain, text, Vec::new())).collect()
    }

    #[test]
    fn a_frame_replaces_the_region_before_it() {
        let size = Size { width: 10, height: 5 };
        let mut screen = Screen::new(false);
        assert_eq!(screen.frame(&[], &rows(&["one", "a longer one"]), size), "one\r\na longer…\r\n");
        assert_eq!(screen.frame(&rows(&["line"]), &rows(&["two"]), size), "\x1b[2A\r\x1b[Jline\r\ntwo\r\n");
        assert_eq!(screen.frame(&[], &[], size), "\x1b[1A\r\x1b[J");
        assert_eq!(screen.frame(&[], &[], size), "");
    }

    #[test]
    fn rows_that_a_narrower_terminal_broke_are_replaced_too() {
        let mut screen = Screen::new(false);
        screen.frame(&[], &rows(&["123456789", "12"]), Size { width: 10, height: 5 });
        let text = screen.frame(&[], &[], Size { width: 4, height: 5 });
        assert_eq!(text, "\x1b[4A\r\x1b[J");
    }
}
