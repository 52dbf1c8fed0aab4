//! The meaning of a pattern, in both dialects. They differ only in `**`.

use crate::machine::{Machine, Places, Token};

/// A pattern with unbalanced brackets or an incomplete escape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern {0:?}")]
pub struct BadPattern(pub String);

/// Matches like Go's `filepath.Match`: the pattern is the whole of `name`, `*` and `?` never match a slash, and `\`
/// quotes.
pub fn path_match(pattern: &[u8], name: &[u8]) -> Result<bool, BadPattern> {
    let machine = Machine::new(compile(pattern, false)?);
    Ok(machine.matches(&characters(name), &mut Places::default()))
}

/// Whether COPY reads `name` as a pattern and not as a literal path.
pub fn has_wildcards(name: &[u8]) -> bool {
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// The characters of a text. Bytes that are not UTF-8 become numbers beyond Unicode.
pub(crate) fn characters(text: &[u8]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        out.extend(chunk.valid().chars().map(u32::from));
        out.extend(chunk.invalid().iter().map(|&byte| 0x11_0000 + u32::from(byte)));
    }
    out
}

/// Translates a pattern. With `double`, `**` matches slashes, as in `.dockerignore`.
pub(crate) fn compile(pattern: &[u8], double: bool) -> Result<Vec<Token>, BadPattern> {
    let bad = || BadPattern(String::from_utf8_lossy(pattern).into_owned());
    let text = characters(pattern);
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        at += 1;
        match char::from_u32(c) {
            Some('*') if double && text.get(at) == Some(&u32::from('*')) => {
                at += 1;
                if text.get(at) == Some(&u32::from('/')) {
                    at += 1;
                }
                // As in BuildKit, `**.md` matches names that end in `.md`, if no other wildcard follows.
                let plain = |&c: &u32| !matches!(char::from_u32(c), Some('*' | '?' | '[' | ']' | '\\'));
                let ending = at == 2 && text[at..].iter().all(plain);
                tokens.push(if ending || at == text.len() { Token::Rest } else { Token::Directories });
            }
            Some('*') => {
                if tokens.last() != Some(&Token::Star) {
                    tokens.push(Token::Star);
                }
            }
            Some('?') => tokens.push(Token::One),
            Some('[') => {
                let (class, next) = class(&text, at).ok_or_else(bad)?;
                tokens.push(class);
                at = next;
            }
            Some('\\') => {
                tokens.push(Token::Literal(*text.get(at).ok_or_else(bad)?));
                at += 1;
            }
            _ => tokens.push(Token::Literal(c)),
        }
    }
    Ok(tokens)
}

fn class(text: &[u32], mut at: usize) -> Option<(Token, usize)> {
    let is = |at: usize, c: char| text.get(at) == Some(&u32::from(c));
    let negated = is(at, '^');
    if negated {
        at += 1;
    }
    let mut ranges = Vec::new();
    loop {
        if is(at, ']') && !ranges.is_empty() {
            return Some((Token::Class { negated, ranges }, at + 1));
        }
        let (low, next) = member(text, at)?;
        at = next;
        let mut high = low;
        if is(at, '-') {
            (high, at) = member(text, at + 1)?;
        }
        ranges.push((low, high));
    }
}

fn member(text: &[u32], at: usize) -> Option<(u32, usize)> {
    let c = *text.get(at)?;
    match char::from_u32(c) {
        Some('-' | ']') => None,
        Some('\\') => Some((*text.get(at + 1)?, at + 2)),
        _ => Some((c, at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn go_semantics() {
        let cases: &[(&str, &str, Option<bool>)] = &[
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*/b", "abc/b", Some(true)),
            ("a*/b", "a/c/b", Some(false)),
            ("a?c", "a/c", Some(false)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[^b-d]", "abc", Some(false)),
            ("a[^a]", "a☺", Some(true)),
            ("a???b", "a☺b", Some(false)),
            ("a\\*b", "a*b", Some(true)),
            ("[\\]a]", "]", Some(true)),
            ("[[]x", "[x", Some(true)),
            ("*.txt", ".txt", Some(true)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("a[", "a", None),
            ("a\\", "a", None),
            ("**", "a/b", Some(false)),
        ];
        for (pattern, name, want) in cases {
            assert_eq!(path_match(pattern.as_bytes(), name.as_bytes()).ok(), *want, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_name_matches_itself_and_nothing_panics(name in proptest::collection::vec(any::<u8>(), 0..40)) {
            let quote = |&byte: &u8| if byte.is_ascii_punctuation() { vec![b'\\', byte] } else { vec![byte] };
            let quoted: Vec<u8> = name.iter().flat_map(quote).collect();
            prop_assert_eq!(path_match(&quoted, &name), Ok(true));
            let _ = path_match(&name, &name);
        }
    }
}
