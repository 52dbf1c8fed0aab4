//! Quotes inside quotes: they end the quoted part instead of being in it, and disappear.

/// Whether a value has quotes inside its quotes, as a text in a Dockerfile whose escape character is `escape`. The
/// first quoted part then ends in the middle of something, bare text follows, and the next quoted part continues it.
/// In a shell, `"a "$b" c"` means what it says, so it does not count.
pub(super) fn nested(text: &str, escape: char) -> bool {
    let parts = parts(text, escape);
    let quoted = |at: usize| parts.get(at).is_some_and(|part| part.quote == Some('"'));
    if parts.len() < 3 || !quoted(0) || !quoted(parts.len() - 1) {
        return false;
    }
    parts.windows(3).any(|three| {
        let [before, inner, after] = three else { return false };
        let own = !inner.text.starts_with('$') && inner.text.contains(char::is_alphanumeric);
        inner.quote.is_none()
            && own
            && before.text.ends_with(['{', '[', '(', ',', ':', '=', ' '])
            && after.text.starts_with(['}', ']', ')', ',', ':', ' '])
    })
}

struct Part {
    quote: Option<char>,
    text: String,
}

/// The quoted and the bare parts of a text, in order.
fn parts(text: &str, escape: char) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut part = Part { quote: None, text: String::new() };
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (part.quote, c) {
            (quote, c) if c == escape && quote != Some('\'') => {
                part.text.extend([c].into_iter().chain(chars.next()))
            }
            (None, '"' | '\'') => {
                let next = Part { quote: Some(c), text: String::new() };
                parts.push(std::mem::replace(&mut part, next));
            }
            (Some(open), c) if c == open => {
                let next = Part { quote: None, text: String::new() };
                parts.push(std::mem::replace(&mut part, next));
            }
            (_, c) => part.text.push(c),
        }
    }
    parts.push(part);
    parts.retain(|part| part.quote.is_some() || !part.text.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::nested;

    #[test]
    fn quotes_that_vanish_are_told_from_those_that_join() {
        for bad in [r#""{"a":"b"}""#, r#""["a"]""#, r#""say "hello" twice""#, r#""x="a b" y""#] {
            assert!(nested(bad, '\\'), "{bad}");
        }
        for good in [
            r#""a""#,
            r#""$A":"$B""#,
            r#""hello "$NAME" you""#,
            r#""{\"a\":\"b\"}""#,
            r#"'{"a":"b"}'"#,
            r#""${NO:-"q"}""#,
            r#""a"b"c""#,
            r#"-Da="x" -Db="y""#,
        ] {
            assert!(!nested(good, '\\'), "{good}");
        }
    }
}
