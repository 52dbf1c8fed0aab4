//! Turns the output of another program into lines that are safe to show.

use crate::failure::sanitise;

/// The number of lines that show how a program ended.
const LAST: usize = 20;

/// A line without colours, cleaned.
pub fn plain_line(line: &[u8]) -> String {
    let mut text = String::new();
    push_plain_line(&mut text, line);
    text
}

/// Writes such a line to the end of `text`.
pub fn push_plain_line(text: &mut String, line: &[u8]) {
    match std::str::from_utf8(line) {
        // Most lines need no change.
        Ok(plain) if line.iter().all(|byte| matches!(byte, b' '..=b'~')) => text.push_str(plain),
        _ => *text += &sanitise(&without_colours(&String::from_utf8_lossy(line))),
    }
}

/// The last lines of some output, cleaned, without empty ones. A line may end as on a terminal.
pub fn last_lines(output: &[u8]) -> Vec<String> {
    let lines = output.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines.map(plain_line).collect();
    lines.split_off(lines.len().saturating_sub(LAST))
}

/// Text without terminal control sequences (ESC [ … letter).
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\x1b' && chars.peek() == Some(&'[') {
            chars.next();
            let _ = chars.by_ref().find(|c| ('\x40'..='\x7e').contains(c));
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_plain() {
        assert_eq!(last_lines(b"\x1b[31mred\x1b[0m\r\n50%\r\x07bell"), ["red", "50%", "?bell"]);
        let many: String = (0..30).map(|n| format!("{n}\n")).collect();
        assert_eq!(last_lines(many.as_bytes()).first().map(String::as_str), Some("10"));
    }
}
