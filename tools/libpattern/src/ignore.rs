//! `.dockerignore`: a list of patterns of which the last that matches decides.

use crate::glob::{characters, compile};
use crate::machine::{Machine, Places, SLASH};

/// A pattern that can't be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadIgnore {
    /// Its line, from 1; for `--exclude`, its position.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// The patterns of a `.dockerignore`, cleaned, with their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreFile {
    patterns: Vec<(usize, String)>,
}

impl IgnoreFile {
    /// Reads a file's text: one pattern a line, `#` in the first column is a comment, a byte order mark
    /// and carriage returns are dropped.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let pattern = |(at, line): (usize, &str)| {
            if line.starts_with('#') {
                return None;
            }
            let line = line.trim();
            let (bang, path) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest.trim()));
            let path = if path.is_empty() { String::new() } else { clean(path) };
            let path = if path.len() > 1 { path.strip_prefix('/').unwrap_or(&path) } else { &path };
            let whole = format!("{bang}{path}");
            (!whole.is_empty()).then_some((at + 1, whole))
        };
        Self { patterns: text.lines().enumerate().filter_map(pattern).collect() }
    }

    /// Makes the patterns ready to match.
    pub fn matcher(&self) -> Result<Matcher, BadIgnore> {
        Matcher::build(self.patterns.iter().map(|(line, pattern)| (*line, pattern.as_str())))
    }
}

/// Patterns ready to match (moby's patternmatcher).
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    line: usize,
    exception: bool,
    /// Whether it matches every name at the top.
    everything: bool,
    machine: Machine,
}

impl Matcher {
    /// Takes patterns as `--exclude` gives them.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, BadIgnore> {
        Self::build(patterns.into_iter().enumerate().map(|(at, pattern)| (at + 1, pattern)))
    }

    fn build<'a>(patterns: impl Iterator<Item = (usize, &'a str)>) -> Result<Self, BadIgnore> {
        let mut built = Vec::new();
        for (line, text) in patterns {
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let (exception, path) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
            if path.is_empty() {
                return Err(BadIgnore { line, what: "illegal exclusion pattern: \"!\"".into() });
            }
            let path = clean(path);
            let path = path.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&path);
            let tokens =
                compile(path.as_bytes(), true).map_err(|bad| BadIgnore { line, what: bad.to_string() })?;
            let everything = matches!(path, "*" | "**" | "**/*");
            built.push(Pattern { line, exception, everything, machine: Machine::new(tokens) });
        }
        Ok(Self { patterns: built })
    }

    /// Whether there is nothing to match.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether some pattern brings paths back: then an excluded directory must still be looked into.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.exception)
    }

    /// Whether some pattern excludes all there is, whatever it is called.
    pub fn excludes_everything(&self) -> bool {
        self.patterns.iter().any(|pattern| !pattern.exception && pattern.everything)
    }

    /// Whether `path`, relative and clean, is excluded, by itself or by a directory above it.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.deciding(path).is_some_and(|(excluded, _)| excluded)
    }

    /// Whether the last pattern that matters excludes `path`, and its line.
    pub fn deciding(&self, path: &[u8]) -> Option<(bool, usize)> {
        let at = self.decider(&characters(path), &mut Places::default())?;
        self.patterns.get(at).map(|pattern| (!pattern.exception, pattern.line))
    }

    /// The pattern that decides. One that excludes holds for all below what it matches; one that brings back
    /// is only tried where something is excluded, as in BuildKit: after `**/*.log`, `!keep` brings nothing
    /// back, since `keep` itself was never excluded.
    fn decider(&self, text: &[u32], places: &mut Places) -> Option<usize> {
        if !self.has_exceptions() {
            return self.patterns.iter().position(|pattern| pattern.machine.covers(text, places));
        }
        let depth = text.iter().filter(|&&c| c == SLASH).count();
        // Of each directory above and, last, of the path itself.
        let mut excluded = vec![false; depth + 1];
        let mut decided = None;
        for (at, pattern) in self.patterns.iter().enumerate() {
            if excluded.iter().all(|&excluded| excluded != pattern.exception) {
                continue;
            }
            let tried = |level: usize| !pattern.exception || excluded[level];
            let Some(first) = pattern.machine.first_match(text, places, tried) else { continue };
            if excluded[depth] == pattern.exception {
                decided = Some(at);
            }
            excluded[first..].fill(!pattern.exception);
        }
        decided
    }

    /// Whether something below the directory `dir` can be excluded by a pattern that does not exclude `dir`.
    pub fn can_match_below(&self, dir: &[u8]) -> bool {
        self.leads_below(dir, 0, false)
    }

    /// Whether something below the excluded directory `dir` can be brought back.
    pub fn can_return_below(&self, dir: &[u8]) -> bool {
        match self.decider(&characters(dir), &mut Places::default()) {
            Some(at) => self.leads_below(dir, at + 1, true),
            None => true,
        }
    }

    fn leads_below(&self, dir: &[u8], from: usize, exception: bool) -> bool {
        let (text, mut places) = (characters(dir), Places::default());
        let candidates = self.patterns.iter().skip(from).filter(|pattern| pattern.exception == exception);
        candidates.into_iter().any(|pattern| pattern.machine.leads_below(&text, &mut places))
    }
}

/// Go's `path.Clean`: `.` and double slashes dropped, `..` resolved where it can be.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".into(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(file: &str, path: &str) -> bool {
        IgnoreFile::parse(file).matcher().unwrap().matches(path.as_bytes())
    }

    #[test]
    fn the_last_match_wins_and_directories_carry() {
        assert!(excluded("d", "d/x/y"));
        assert!(!excluded("d\n!d/x", "d/x/y"));
        assert!(excluded("!d/x\nd", "d/x"));
        assert!(excluded("*\n!README.md", "a.md"));
        assert!(!excluded("*\n!README.md", "README.md"));
    }

    #[test]
    fn only_what_is_excluded_can_be_brought_back() {
        assert!(excluded("**/*.log\n!keep", "keep/a.log"));
        assert!(!excluded("**/*.log\n!keep/*.log", "keep/a.log"));
        assert!(excluded("d/f\n!d", "d/f") && !excluded("d\nd/f\n!d", "d/f"));
        assert!(excluded("d\n!d/x\nd", "d/x/y"));
    }

    #[test]
    fn two_stars_before_a_name_are_the_beginning_of_a_name_too() {
        assert!(excluded("**.md", "a.md") && excluded("**.md", "d/a.md") && excluded("**.md", "d/.md"));
        assert!(!excluded("**/.md", "a.md"));
        // Behind a wildcard they end with a directory.
        assert!(!excluded("**.m?", "a.md") && excluded("**.m?", "d/.md"));
    }

    #[test]
    fn spellings_of_one_pattern() {
        for file in ["d", "d/", "/d", "./d", "  d  ", "\u{feff}d", "d\r\n", "x/../d"] {
            assert!(excluded(file, "d"), "{file:?}");
        }
        assert!(!excluded(" # d\n#d", "d"));
        assert!(!excluded(".\n../d", "d"));
    }

    #[test]
    fn stars() {
        assert!(excluded("*.md", "a.md") && !excluded("*.md", "d/a.md"));
        assert!(excluded("**/*.md", "a.md") && excluded("**/*.md", "d/e/a.md"));
        assert!(excluded("**", "any/thing"));
        assert!(excluded("d/**", "d/x") && !excluded("d/**", "d"));
        assert!(excluded("a/**/b", "a/b") && excluded("a/**/b", "a/x/y/b"));
        assert!(excluded("a**************b", "ab"));
        for (file, everything) in [("*", true), ("**", true), ("**/*", true), (".*", false), ("!*", false)] {
            assert_eq!(
                IgnoreFile::parse(file).matcher().unwrap().excludes_everything(),
                everything,
                "{file}"
            );
        }
    }

    #[test]
    fn an_excluded_directory_is_only_looked_into_where_something_can_return() {
        let returns = |file: &str, dir: &str| {
            IgnoreFile::parse(file).matcher().unwrap().can_return_below(dir.as_bytes())
        };
        assert!(returns("b\n!b/c/this", "b") && returns("b\n!b/c/this", "b/c"));
        assert!(!returns("b\n!b/c/this", "b/d") && !returns("*\n!src", "node_modules"));
        assert!(returns("b\n!**/this", "b/any/where"));
        assert!(!returns("!b/c\nb", "b"));
    }

    #[test]
    fn what_can_not_be_a_pattern_is_named_with_its_line() {
        let bad = |text: &str| IgnoreFile::parse(text).matcher().unwrap_err();
        assert_eq!(bad("a\n!"), BadIgnore { line: 2, what: "illegal exclusion pattern: \"!\"".into() });
        assert_eq!(bad("\n\n[").line, 3);
    }
}
