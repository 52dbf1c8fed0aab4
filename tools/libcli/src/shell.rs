//! Quotes words for a shell.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// `word` as one word of shell, which sh turns into the same bytes.
pub fn shell_word(word: impl AsRef<OsStr>) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:,=@%+-".contains(byte);
    let bytes = word.as_ref().as_bytes();
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return bytes.to_vec();
    }
    let mut text = vec![b'\''];
    for &byte in bytes {
        match byte {
            b'\'' => text.extend(b"'\\''"),
            byte => text.push(byte),
        }
    }
    text.push(b'\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_is_one_word_of_shell() {
        for (word, text) in [
            ("a/b:c", "a/b:c"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$x`y`\n;", "'$x`y`\n;'"),
            ("~", "'~'"),
        ] {
            assert_eq!(String::from_utf8(shell_word(word)).unwrap(), text);
        }
    }
}
