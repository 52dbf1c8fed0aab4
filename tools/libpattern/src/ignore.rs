//! `.dockerignore`: a list of patterns. The last pattern that matches decides.

use crate::candidates::{Below, Candidates};
use crate::glob::characters;
use crate::machine::{Places, SLASH};
use crate::pattern::Pattern;

/// An invalid pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadIgnore {
    /// Its line, from 1; for `--exclude`, its position.
    pub line: usize,
    /// The error.
    pub what: String,
}

/// The patterns of a `.dockerignore`, cleaned, with their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreFile {
    patterns: Vec<(usize, String)>,
}

impl IgnoreFile {
    /// Parses the text of a file: one pattern a line. `#` in the first column starts a comment. A byte order mark and
    /// carriage returns are removed.
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

    /// Compiles the patterns.
    pub fn matcher(&self) -> Result<Matcher, BadIgnore> {
        Matcher::build(self.patterns.iter().map(|(line, pattern)| (*line, pattern.as_str())))
    }
}

/// Compiled patterns, which match like moby's patternmatcher.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    patterns: Vec<Pattern>,
    candidates: Candidates,
    /// The patterns that exclude, by the directories that they lead below. The patterns that bring back come after
    /// them.
    excluding: Below,
    returning: Below,
    has_exceptions: bool,
    excludes_everything: bool,
}

impl Matcher {
    /// Compiles the patterns of `--exclude`.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, BadIgnore> {
        Self::build(patterns.into_iter().enumerate().map(|(at, pattern)| (at + 1, pattern)))
    }

    fn build<'a>(patterns: impl Iterator<Item = (usize, &'a str)>) -> Result<Self, BadIgnore> {
        let mut built = Vec::new();
        let mut excludes_everything = false;
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
            let pattern = Pattern::new(line, exception, path);
            built.push(pattern.map_err(|bad| BadIgnore { line, what: bad.to_string() })?);
            excludes_everything |= !exception && matches!(path, "*" | "**" | "**/*");
        }
        Ok(Self {
            candidates: Candidates::new(&built),
            excluding: Below::new(&built, false),
            returning: Below::new(&built, true),
            has_exceptions: built.iter().any(|pattern| pattern.exception),
            excludes_everything,
            patterns: built,
        })
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether some pattern brings paths back. The contents of an excluded directory then still matter.
    pub fn has_exceptions(&self) -> bool {
        self.has_exceptions
    }

    /// Whether some pattern excludes everything, whatever its name.
    pub fn excludes_everything(&self) -> bool {
        self.excludes_everything
    }

    /// Whether `path`, relative and clean, or a directory above it is excluded.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.deciding(path).is_some_and(|(excluded, _)| excluded)
    }

    /// Whether the last matching pattern excludes `path`, and its line.
    pub fn deciding(&self, path: &[u8]) -> Option<(bool, usize)> {
        self.patterns.get(self.decider(path)?).map(|pattern| (!pattern.exception, pattern.line))
    }

    /// The pattern that decides. A pattern that excludes applies to everything below its match. A pattern that brings
    /// back is tried only if something is excluded, as in BuildKit: after `**/*.log`, `!keep` brings nothing back,
    /// because `keep` itself was never excluded.
    fn decider(&self, path: &[u8]) -> Option<usize> {
        let candidates = self.candidates.of(path);
        if candidates.is_empty() {
            return None;
        }
        let (text, places) = (characters(path), &mut Places::default());
        if !self.has_exceptions {
            return candidates.into_iter().find(|&at| self.patterns[at].covers(&text, places));
        }
        let depth = text.iter().filter(|&&c| c == SLASH).count();
        // For each directory above, and last for the path itself.
        let mut excluded = vec![false; depth + 1];
        let mut decided = None;
        for (at, pattern) in candidates.into_iter().map(|at| (at, &self.patterns[at])) {
            if excluded.iter().all(|&excluded| excluded != pattern.exception) {
                continue;
            }
            let tried = |level: usize| !pattern.exception || excluded[level];
            let Some(first) = pattern.first_match(&text, places, tried) else { continue };
            if excluded[depth] == pattern.exception {
                decided = Some(at);
            }
            excluded[first..].fill(!pattern.exception);
        }
        decided
    }

    /// Whether something below the directory `dir` can be excluded by a pattern that does not exclude `dir`.
    pub fn can_match_below(&self, dir: &[u8]) -> bool {
        self.excluding.leads(&self.patterns, &characters(dir), 0)
    }

    /// Whether something below the excluded directory `dir` can be brought back.
    pub fn can_return_below(&self, dir: &[u8]) -> bool {
        match self.decider(dir) {
            Some(at) => self.returning.leads(&self.patterns, &characters(dir), at + 1),
            None => true,
        }
    }
}

/// Go's `path.Clean`: removes `.` and double slashes, and resolves `..` if possible.
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
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

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
        // After a wildcard they match only below a directory.
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

    /// The same patterns, all of which are tried on each path.
    fn without_index(matcher: &Matcher) -> Matcher {
        let all = (0..matcher.patterns.len()).collect();
        Matcher { candidates: Candidates::trying(all), ..matcher.clone() }
    }

    /// Whether one of the patterns, starting with number `from`, leads below `dir`. Tries each.
    fn leads(matcher: &Matcher, dir: &str, from: usize, exception: bool) -> bool {
        let text = characters(dir.as_bytes());
        let below = characters(format!("{dir}/").as_bytes());
        let one = |pattern: &Pattern| {
            let (texts, _) = pattern.literals();
            pattern.leads_below(&text, &mut Places::default())
                || pattern.is_plain() && texts[0].starts_with(&below)
        };
        matcher.patterns[from..].iter().any(|pattern| pattern.exception == exception && one(pattern))
    }

    proptest! {
        #[test]
        fn the_index_changes_no_answer(
            lines in vec(vec(select(&["a", "b", "ab", "/", "*", "**", "**/", "?", "[^a]", "é"][..]), 1..6), 1..8),
            bangs in vec(any::<bool>(), 8),
            path in vec(select(&["a", "b", "ab", "é", "c"][..]), 1..5),
        ) {
            let line = |(parts, bang): (&Vec<&str>, &bool)| format!("{}{}", if *bang { "!" } else { "" }, parts.concat());
            let text = lines.iter().zip(&bangs).map(line).collect::<Vec<_>>().join("\n");
            let (matcher, path) = (IgnoreFile::parse(&text).matcher().unwrap(), path.join("/"));
            prop_assert_eq!(matcher.deciding(path.as_bytes()), without_index(&matcher).deciding(path.as_bytes()));
            prop_assert_eq!(matcher.can_match_below(path.as_bytes()), leads(&matcher, &path, 0, false));
            if let Some(at) = matcher.decider(path.as_bytes()) {
                prop_assert_eq!(matcher.can_return_below(path.as_bytes()), leads(&matcher, &path, at + 1, true));
            }
        }
    }
}
