//! Text of an image on one line with a limited width. It does not escape markup; the writer of a page does.

use libcli::{columns, cut, spelled_out};

/// An instruction's words on one line, at most `most` columns.
pub fn line(text: &str, most: usize) -> String {
    let blank: String = cut(text, most).chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    // Escapes make text longer.
    cut(&spelled_out(blank.as_bytes()), most)
}

/// A place on one line, at most `most` columns. The end of a long path is kept, because it has the file and the line.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            let text = libcli::markup(&spelled_out(&bytes));
            prop_assert!(!text.contains(|c| "<>\"'".contains(c)) && spelled_out(text.as_bytes()) == text);
        }

        #[test]
        fn no_text_gets_out_of_its_line(text in any::<String>(), most in 1_usize..40) {
            let line = line(&text, most);
            prop_assert!(spelled_out(line.as_bytes()) == line && libcli::columns(&line) <= most);
        }
    }
}
