//! Writes rows whose columns line up.

use crate::width::{columns, padded};
use std::io::{self, Write};

/// Writes a head and rows; columns whose head begins with `>` are aligned to the right, and a last column on the left
/// is not padded.
pub fn write_table(head: &[&str], rows: &[Vec<String>], output: &mut impl Write) -> io::Result<()> {
    let names: Vec<String> = head.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
    let width = |at: usize| {
        let cells = std::iter::once(&names).chain(rows).filter_map(|row| row.get(at));
        cells.map(|cell| columns(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in std::iter::once(&names).chain(rows) {
        let mut line = String::new();
        for ((cell, name), width) in row.iter().zip(head).zip(&widths) {
            if !line.is_empty() {
                line += "  ";
            }
            match name.starts_with('>') {
                true => line += &format!("{:1$}{cell}", "", width - columns(cell)),
                false => line += &padded(cell, *width),
            }
        }
        writeln!(output, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let rows = [
            vec!["1".into(), "日e\u{301}".into(), "x".into()],
            vec!["100".into(), "long".into(), String::new()],
        ];
        let mut text = Vec::new();
        super::write_table(&[">N", "WORD", "REST"], &rows, &mut text).unwrap();
        let wanted = "  N  WORD  REST\n  1  日e\u{301}   x\n100  long\n";
        assert_eq!(String::from_utf8(text).unwrap(), wanted);
    }
}
