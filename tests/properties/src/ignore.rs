//! `.dockerignore` against its documentation: patterns as regular expressions, paths level by level.
//!
//! Where BuildKit's matcher reads a pattern as it never was meant (`\d` a digit, `^` an anchor, `[*]`
//! three things), the model holds to the documentation: the character itself.

use crate::choices::Choices;
use libpattern::{IgnoreFile, path_match};
use regex::Regex;

const PATTERN: [&str; 27] = [
    "a", "b", "/", "*", "**", "**/", "?", ".md", "ab", "é", "[a-c]", "[^a]", "/..", ".", "\\*", "\\a", "[",
    "]", "\\", "^", "$", "+(", "[\\]-a]", "[b-a]", "[^é/]", "#", "-",
];
const NAMES: [&str; 12] = ["a", "b", "ab", "a.md", "é", ".md", "*", "c", "^", "]", "ba", "#"];

/// The file as the documentation reads it: for each line whether it is an exception, and its pattern.
struct Model(Vec<(bool, Regex)>);

impl Model {
    /// The line of the first bad pattern is the error.
    fn new(text: &str) -> Result<Self, usize> {
        let mut patterns = Vec::new();
        for (at, line) in text.trim_start_matches('\u{feff}').split('\n').enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let (exception, path) = match line.trim().strip_prefix('!') {
                Some(path) => (true, path.trim()),
                None => (false, line.trim()),
            };
            if path.is_empty() {
                return Err(at + 1);
            }
            patterns.push((exception, expression(&clean(path), true).ok_or(at + 1)?));
        }
        Ok(Self(patterns))
    }

    /// From the top down, each pattern at each level; what matched a directory holds below it.
    fn excludes(&self, path: &str) -> bool {
        let mut above = vec![false; self.0.len()];
        let mut excluded = false;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for level in ends.map(|end| &path[..end]) {
            excluded = false;
            for (above, (exception, pattern)) in above.iter_mut().zip(&self.0) {
                *above |= (excluded || !exception) && pattern.is_match(level);
                if *above {
                    excluded = !exception;
                }
            }
        }
        excluded
    }
}

fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match (part, parts.last()) {
            ("..", None) if path.starts_with('/') => {}
            ("..", Some(&last)) if last != ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    match parts.is_empty() {
        // The root, and the directory itself: no path is called so.
        true => "/.".into(),
        false => parts.join("/"),
    }
}

/// A pattern as an expression over whole paths; `None` for a bad one.
fn expression(pattern: &str, double: bool) -> Option<Regex> {
    let mut chars = pattern.chars().peekable();
    let mut out = String::from("(?s)^");
    while let Some(c) = chars.next() {
        match c {
            '*' if double && chars.next_if_eq(&'*').is_some() => {
                let ending = out == "(?s)^" && !chars.clone().any(|c| "*?[]\\".contains(c));
                let slash = chars.next_if_eq(&'/').is_some();
                out += if chars.peek().is_none() || ending && !slash { ".*" } else { "(.*/)?" };
            }
            '*' => out += "[^/]*",
            '?' => out += "[^/]",
            '[' => out += &class(&mut chars)?,
            '\\' => out += &regex::escape(&chars.next()?.to_string()),
            c => out += &regex::escape(&c.to_string()),
        }
    }
    Some(Regex::new(&(out + "$")).expect("the model makes an expression"))
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars>) -> Option<String> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = String::new();
    let mut first = true;
    while first || chars.next_if_eq(&']').is_none() {
        first = false;
        let low = member(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { member(chars)? } else { low };
        if low <= high {
            ranges += &format!("\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high));
        }
    }
    Some(match (negated, ranges.is_empty()) {
        (false, true) => "[a&&b]".into(),
        (true, true) => ".".into(),
        (false, false) => format!("[{ranges}]"),
        (true, false) => format!("[^{ranges}]"),
    })
}

fn member(chars: &mut std::iter::Peekable<std::str::Chars>) -> Option<char> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        c => Some(c),
    }
}

fn path(choices: &mut Choices) -> String {
    let mut names = vec![choices.pick(&NAMES)];
    names.extend(choices.several(4, |choices| choices.pick(&NAMES)));
    names.join("/")
}

/// An ignore file and some paths: excluded are those that the documentation excludes, and directories in
/// which a walk would find something else are never passed over.
pub fn ignore(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let lines = choices.several(6, |choices| {
        let end = choices.pick(&["\n", "\n", " \n", "\r\n", "\n\n"]);
        choices.pick(&["", " ", "!", "!", "! ", "\u{a0}"]).to_owned() + &choices.text(6, &PATTERN) + end
    });
    let text = if choices.one_in(8) { "\u{feff}" } else { "" }.to_owned() + &lines.concat();
    let matcher = match (IgnoreFile::parse(&text).matcher(), Model::new(&text)) {
        (Ok(matcher), Ok(model)) => Some((matcher, model)),
        (Err(bad), Err(line)) => {
            assert_eq!(bad.line, line, "{text:?}");
            None
        }
        (ours, model) => panic!("{text:?}: {ours:?}, but by the model {:?}", model.map(|_| ()).err()),
    };
    let Some((matcher, model)) = matcher else { return };
    for path in choices.several(5, path) {
        let excluded = model.excludes(&path);
        assert_eq!(matcher.matches(path.as_bytes()), excluded, "{text:?} {path:?}");
        for (at, _) in path.match_indices('/') {
            let dir = &path.as_bytes()[..at];
            let passed_over = match matcher.matches(dir) {
                true => !excluded && !matcher.can_return_below(dir),
                false => excluded && !matcher.can_match_below(dir),
            };
            assert!(!passed_over, "{text:?} {path:?} in {:?}", &path[..at]);
        }
    }
    let (pattern, name) = (choices.text(6, &PATTERN), path(choices));
    let expected = expression(&pattern, false).map(|pattern| pattern.is_match(&name));
    assert_eq!(path_match(pattern.as_bytes(), name.as_bytes()).ok(), expected, "{pattern:?} {name:?}");
}
