//! The pattern forms of `${name…}`: `#`, `##`, `%`, `%%`, `/` and `//`.

enum Piece {
    Char(char),
    One,
    Any,
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => Piece::Char(chars.next().unwrap_or('\\')),
            c => Piece::Char(c),
        });
    }
    pieces
}

/// Lengths of the prefixes of `text` that match, ascending.
fn prefixes(pieces: &[Piece], text: &[char]) -> Vec<usize> {
    let mut here = vec![false; pieces.len() + 1];
    here[0] = true;
    let mut found = Vec::new();
    for length in 0..=text.len() {
        for (at, piece) in pieces.iter().enumerate() {
            if matches!(piece, Piece::Any) && here[at] {
                here[at + 1] = true;
            }
        }
        if here[pieces.len()] {
            found.push(length);
        }
        let Some(&c) = text.get(length) else { break };
        let mut next = vec![false; pieces.len() + 1];
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Any => next[at] |= here[at],
                Piece::One => next[at + 1] |= here[at],
                Piece::Char(want) => next[at + 1] |= here[at] && *want == c,
            }
        }
        here = next;
    }
    found
}

/// `value` without the shortest, or with `greedy` the longest, prefix that matches.
pub(crate) fn without_prefix(value: &str, pattern: &str, greedy: bool) -> String {
    let text: Vec<char> = value.chars().collect();
    let found = prefixes(&pieces(pattern), &text);
    let length = if greedy { found.last() } else { found.first() };
    text[length.copied().unwrap_or(0)..].iter().collect()
}

/// `value` without the shortest, or with `greedy` the longest, suffix that matches.
pub(crate) fn without_suffix(value: &str, pattern: &str, greedy: bool) -> String {
    let text: Vec<char> = value.chars().collect();
    let pieces = pieces(pattern);
    let matches = |start: &usize| prefixes(&pieces, &text[*start..]).last() == Some(&(text.len() - start));
    let mut starts = 0..=text.len();
    let start = if greedy { starts.find(matches) } else { starts.rev().find(matches) };
    text[..start.unwrap_or(text.len())].iter().collect()
}

/// `value` with the first, or with `all` every, longest match replaced. An empty match replaces nothing.
pub(crate) fn replaced(value: &str, pattern: &str, replacement: &str, all: bool) -> String {
    let text: Vec<char> = value.chars().collect();
    let pieces = pieces(pattern);
    let replacement: String = unescaped(replacement);
    let mut out = String::new();
    let mut at = 0;
    while at < text.len() {
        match prefixes(&pieces, &text[at..]).last() {
            Some(&length) if length > 0 => {
                out += &replacement;
                at += length;
                if !all {
                    break;
                }
            }
            _ => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out.extend(&text[at..]);
    out
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}
