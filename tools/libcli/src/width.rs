//! Measures, cuts and pads text by the columns of a terminal, or of a picture with letters of one width. It does not
//! clean text; see [`sanitise`](crate::sanitise).

use unicode_width::UnicodeWidthChar;

/// The most characters in a column, because a hostile text may pile thousands of marks on one letter.
const PILED: usize = 8;

/// The columns of a text: two for a wide letter, none for a mark on the letter before it, one for a control character,
/// which is replaced when it is shown.
pub fn columns(text: &str) -> usize {
    text.chars().map(of).sum()
}

/// At most `width` columns of a text. If it was cut, the last one is a mark.
pub fn cut(text: &str, width: usize) -> String {
    let most = width.saturating_mul(PILED);
    let (mut end, mut taken) = (0, 0);
    for (count, (at, c)) in text.char_indices().enumerate() {
        taken += of(c);
        if taken > width || count >= most {
            return match width {
                0 => String::new(),
                _ => format!("{}…", &text[..end]),
            };
        }
        // The mark follows; a character without width stays with its letter.
        if taken < width {
            end = at + c.len_utf8();
        }
    }
    text.to_owned()
}

/// A text in lines of at most `width` columns, broken at its blanks; a longer word has a line of its own.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut().filter(|line| columns(line) + 1 + columns(word) <= width) {
            Some(line) => *line += &format!(" {word}"),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text padded with blanks to `width` columns.
pub fn padded(text: &str, width: usize) -> String {
    format!("{text}{:1$}", "", width.saturating_sub(columns(text)))
}

fn of(c: char) -> usize {
    c.width().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_its_columns() {
        for (text, width, expected) in [
            ("RUN make", 8, "RUN make"),
            ("RUN make", 7, "RUN ma…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本", 2, "…"),
            ("e\u{301}te\u{301}", 3, "e\u{301}te\u{301}"),
            ("e\u{301}te\u{301}s", 3, "e\u{301}t…"),
            ("e\u{301}e\u{301}", 1, "…"),
            ("a\x1b[b", 3, "a\x1b…"),
            ("ab", 1, "…"),
            ("a", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, width), expected, "{text:?} in {width}");
        }
    }

    #[test]
    fn marks_piled_on_a_letter_are_cut_too() {
        let text = format!("a{}", "\u{301}".repeat(1000));
        let cut = cut(&text, 4);
        assert!(cut.chars().count() <= 4 * PILED + 1 && cut.ends_with('…'), "{cut}");
    }

    #[test]
    fn a_text_is_filled_up_by_what_is_seen() {
        assert_eq!(padded("日本", 6), "日本  ");
        assert_eq!(padded("e\u{301}", 3), "e\u{301}  ");
        assert_eq!(padded("long", 3), "long");
    }

    #[test]
    fn a_text_is_broken_at_its_blanks() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two", 6), ["one", "two"]);
        assert_eq!(wrapped("日本 語 longer", 5), ["日本", "語", "longer"]);
        assert_eq!(wrapped("", 5), [""; 0]);
    }

    #[test]
    fn every_cut_fits_and_is_a_beginning() {
        let text = "a日e\u{301}\u{7}👩\u{200d}💻漢\u{fe0f}z";
        for width in 0..=columns(text) + 1 {
            let cut = cut(text, width);
            assert!(columns(&cut) <= width, "{cut:?} in {width}");
            assert!(text.starts_with(cut.trim_end_matches('…')));
            assert_eq!(cut == text, columns(text) <= width);
        }
    }
}
