//! The end of a command's output, for the message that it failed.

use libcli::plain_line;

/// How many lines are kept.
const LINES: usize = 20;
/// The longest line, and how much is kept of any: longer ones count as several.
const LONGEST: usize = 8192;
/// How many bytes are kept at least.
const BYTES: usize = LINES * LONGEST;

/// The last bytes of an output. They are looked at when it has ended, since most of it is pushed out.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Takes what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&bytes[bytes.len().saturating_sub(BYTES)..]);
        if self.bytes.len() > 2 * BYTES {
            self.bytes.drain(..self.bytes.len() - BYTES);
        }
    }

    /// The last lines, plain; empty ones don't count. A line may end as a terminal's do.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
        let lines: Vec<&[u8]> = lines.flat_map(|line| line.chunks(LONGEST)).collect();
        lines[lines.len().saturating_sub(LINES)..].iter().map(|line| plain_line(line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_any_output_are_kept() {
        for (count, piece) in [(5, 3), (50, 1), (200_000, 7), (200_000, 1 << 20)] {
            let text: String = (0..count).map(|number| format!("{number}\n\n")).collect();
            let mut tail = Tail::default();
            text.as_bytes().chunks(piece).for_each(|piece| tail.push(piece));
            let wanted: Vec<_> = (count.max(20) - 20..count).map(|number| number.to_string()).collect();
            assert_eq!(tail.lines(), wanted);
        }
    }

    #[test]
    fn a_long_line_counts_as_several() {
        let mut tail = Tail::default();
        for part in [LONGEST - 1, 1, 2 * LONGEST, 3] {
            tail.push(&vec![b'x'; part]);
        }
        let lengths: Vec<_> = tail.lines().iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST, LONGEST, LONGEST, 3]);
        tail.push(&vec![b'x'; 100 * BYTES]);
        assert_eq!(tail.lines().len(), LINES);
    }
}
