//! Text of an image, made fit to be shown. All of it is hostile: a name may hold an order to the terminal, or marks
//! that turn the text around it. Markup is not looked for here: who writes a page escapes what it writes.

use libcli::{columns, cut};
use std::fmt::Write;

/// Bytes as text that shows what it holds: what cannot be seen, moves or turns other text, and what is not
/// UTF-8, is spelled out.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if !unfit(c) => text.push(c),
                c if u32::from(c) < 0x100 => push(&mut text, format_args!("\\x{:02x}", u32::from(c))),
                c => push(&mut text, format_args!("\\u{{{:x}}}", u32::from(c))),
            }
        }
        for byte in chunk.invalid() {
            push(&mut text, format_args!("\\x{byte:02x}"));
        }
    }
    text
}

/// An instruction's words on one line, at most `most` columns.
pub fn line(text: &str, most: usize) -> String {
    let blank: String = cut(text, most).chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    // Spelling out makes text longer.
    cut(&shown(blank.as_bytes()), most)
}

/// A place on one line, at most `most` columns: of a long path the end is kept, where the file and the line are.
pub fn place(text: &str, most: usize) -> String {
    let (mark, path) = match text.strip_prefix("base ") {
        _ if columns(text) <= most => return line(text, most),
        Some(path) => ("base ", path),
        None => ("", text),
    };
    let mut room = most.saturating_sub(columns(mark) + 1);
    let mut start = path.len();
    for (at, c) in path.char_indices().rev() {
        let columns = columns(c.encode_utf8(&mut [0; 4]));
        if columns > room {
            break;
        }
        (room, start) = (room - columns, at);
    }
    line(&format!("{mark}…{}", &path[start..]), most)
}

/// What a reader of the page would not see as it is: controls, marks of direction and of nothing, and what XML
/// does not allow at all.
fn unfit(c: char) -> bool {
    let code = u32::from(c);
    c.is_control()
        || code & 0xfffe == 0xfffe
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // A String takes all that is written to it.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        for (bytes, text) in [
            (b"etc/passwd".as_slice(), "etc/passwd"),
            (b"a\x1b[2J\n", "a\\x1b[2J\\x0a"),
            ("r\u{202e}gpj.exe".as_bytes(), "r\\u{202e}gpj.exe"),
            (b"caf\xe9", "caf\\xe9"),
            ("日本/é".as_bytes(), "日本/é"),
            ("\u{85}\u{fffe}".as_bytes(), "\\x85\\u{fffe}"),
        ] {
            assert_eq!(shown(bytes), text);
        }
    }

    #[test]
    fn an_instruction_is_one_line_and_says_when_there_is_more() {
        assert_eq!(line("RUN a\n  b\tc", 20), "RUN a   b c");
        assert_eq!(line("RUN \u{202e}a", 8), "RUN \\u{…");
        assert_eq!(line(&"e\u{301}".repeat(9), 8), format!("{}…", "e\u{301}".repeat(7)));
    }

    #[test]
    fn of_a_long_place_the_end_is_seen() {
        assert_eq!(place("Dockerfile:12", 13), "Dockerfile:12");
        assert_eq!(place("services/api/Dockerfile:12", 18), "…api/Dockerfile:12");
        assert_eq!(place("base services/api/Dockerfile:12", 18), "base …ockerfile:12");
        assert_eq!(place("日本/日本:1", 6), "…本:1");
        assert_eq!((place("abc:1", 1), place("abc:1", 0)), ("…".into(), String::new()));
    }

    proptest! {
        #[test]
        fn no_name_gets_out_of_its_element(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let text = libcli::markup(&shown(&bytes));
            prop_assert!(!text.contains(|c: char| "<>\"'".contains(c) || unfit(c)));
        }

        #[test]
        fn no_text_gets_out_of_its_line(text in any::<String>(), most in 1_usize..40) {
            let line = line(&text, most);
            prop_assert!(!line.contains(unfit) && libcli::columns(&line) <= most);
        }
    }
}
