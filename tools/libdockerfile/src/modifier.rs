//! The pattern forms of `${name…}`: `#`, `##`, `%`, `%%`, `/` and `//`.

/// The longest expansion of a word, in bytes.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// The error for a word that grows beyond [`MAX_TEXT`].
pub(crate) fn too_long() -> String {
    format!("it becomes longer than {MAX_TEXT} bytes")
}

/// The largest product of the lengths of pattern and value, because matching takes that many steps.
const MAX_WORK: usize = 1 << 28;

enum Piece {
    Char(char),
    One,
    Any,
}

/// The pieces of a pattern. `\}` and `\/` are those characters, which would otherwise end the pattern.
fn pieces(pattern: &str, value: &str) -> Result<Vec<Piece>, String> {
    if pattern.len().saturating_mul(value.len()) > MAX_WORK {
        return Err(format!(
            "a pattern of {} bytes for a value of {} is too much",
            pattern.len(),
            value.len()
        ));
    }
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => match chars.next() {
                Some(next @ ('*' | '?' | '\\' | '}' | '/')) => Piece::Char(next),
                next => {
                    let next = next.map(String::from).unwrap_or_default();
                    return Err(format!(
                        "invalid pattern ({pattern}) in substitution: invalid escape '\\{next}'"
                    ));
                }
            },
            c => Piece::Char(c),
        });
    }
    Ok(pieces)
}

/// The lengths of the prefixes of `text` that match, ascending. A wildcard does not match a newline.
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
                Piece::Any => next[at] |= here[at] && c != '\n',
                Piece::One => next[at + 1] |= here[at] && c != '\n',
                Piece::Char(want) => next[at + 1] |= here[at] && *want == c,
            }
        }
        here = next;
        if !here.contains(&true) {
            break;
        }
    }
    found
}

/// `value` without the shortest matching prefix, or with `greedy` without the longest.
pub(crate) fn without_prefix(value: &str, pattern: &str, greedy: bool) -> Result<String, String> {
    let text: Vec<char> = value.chars().collect();
    Ok(text[cut(&pieces(pattern, value)?, &text, greedy)..].iter().collect())
}

/// `value` without the shortest matching suffix, or with `greedy` without the longest. It is a prefix of the reversed
/// text.
pub(crate) fn without_suffix(value: &str, pattern: &str, greedy: bool) -> Result<String, String> {
    let mut pieces = pieces(pattern, value)?;
    pieces.reverse();
    let text: Vec<char> = value.chars().rev().collect();
    Ok(text[cut(&pieces, &text, greedy)..].iter().rev().collect())
}

fn cut(pieces: &[Piece], text: &[char], greedy: bool) -> usize {
    let found = prefixes(pieces, text);
    let length = if greedy { found.last() } else { found.first() };
    length.copied().unwrap_or(0)
}

/// `value` with the first longest match replaced, or with `all` every one. An empty match counts too, except directly
/// after another.
pub(crate) fn replaced(value: &str, pattern: &str, replacement: &str, all: bool) -> Result<String, String> {
    let text: Vec<char> = value.chars().collect();
    let pieces = pieces(pattern, value)?;
    let starts = starts(&pieces, &text);
    let mut out = String::new();
    let (mut at, mut behind_match) = (0, false);
    while at <= text.len() {
        let found = if starts[at] { prefixes(&pieces, &text[at..]) } else { Vec::new() };
        let length = found.last().copied().filter(|&length| length > 0 || !behind_match);
        behind_match = length.is_some_and(|length| length > 0);
        if length.is_some() {
            out += replacement;
        }
        at += match length {
            Some(length) if length > 0 => length,
            _ => {
                out.extend(text.get(at));
                1
            }
        };
        if out.len() > MAX_TEXT {
            return Err(too_long());
        }
        if length.is_some() && !all {
            break;
        }
    }
    out.extend(text.get(at..).unwrap_or_default());
    Ok(out)
}

/// Where in `text` a match may start, including its end. It is computed backwards, so that a text without a match is
/// not searched from each of its characters.
fn starts(pieces: &[Piece], text: &[char]) -> Vec<bool> {
    let mut found = vec![false; text.len() + 1];
    // Whether the pieces from each one to the last match some of the text from here.
    let mut next = vec![false; pieces.len() + 1];
    for at in (0..=text.len()).rev() {
        let c = text.get(at).copied();
        let mut here = vec![false; pieces.len() + 1];
        here[pieces.len()] = true;
        for (index, piece) in pieces.iter().enumerate().rev() {
            here[index] = match piece {
                Piece::Any => here[index + 1] || (c.is_some_and(|c| c != '\n') && next[index]),
                Piece::One => c.is_some_and(|c| c != '\n') && next[index + 1],
                Piece::Char(want) => c == Some(*want) && next[index + 1],
            };
        }
        found[at] = here[0];
        next = here;
    }
    found
}
