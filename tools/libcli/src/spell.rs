//! Spells out text of others for a picture or a page, if it has invisible characters, or marks that turn the text
//! around it. It does not escape markup; the writer of a page does that.

use std::fmt::Write;

/// Bytes as text in which invisible characters, characters that move or turn other text, and bytes that are not UTF-8
/// are spelled out.
pub fn spelled_out(bytes: &[u8]) -> String {
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

/// Whether a reader of the page would not see the character as it is: a control, a mark of direction, a mark
/// without width, or a character that XML does not allow at all.
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
    // Writing to a String never fails.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(spelled_out(bytes), text);
        }
    }
}
