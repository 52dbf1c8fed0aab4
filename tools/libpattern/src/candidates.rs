//! Finds the patterns that can match a path, without trying each.
//!
//! Every pattern, unless it is only wildcards, has a text that occurs in each path it matches. One search of a path
//! finds all of these texts in it, however many there are.

use crate::machine::{Places, SLASH};
use crate::pattern::Pattern;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::collections::HashMap;

/// Patterns, indexed by a text that must occur in the path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// Finds the texts; `None` if there are none.
    finder: Option<AhoCorasick>,
    /// The patterns of each text.
    patterns: Vec<Vec<usize>>,
    /// The patterns without any text.
    always: Vec<usize>,
}

impl Candidates {
    pub(crate) fn new(patterns: &[Pattern]) -> Self {
        let literals: Vec<_> = patterns.iter().map(|pattern| pattern.literals().0).collect();
        let mut uses: HashMap<&[u32], usize> = HashMap::new();
        literals.iter().flatten().for_each(|text| *uses.entry(text).or_default() += 1);
        // The text with the fewest patterns selects best, and among those the longest.
        let rank = |text: &&Vec<u32>| (uses[text.as_slice()], usize::MAX - text.len());
        let mut found = Self::default();
        let mut numbers: HashMap<&[u32], usize> = HashMap::new();
        let mut texts = Vec::new();
        for (at, literals) in literals.iter().enumerate() {
            let Some(text) = literals.iter().min_by_key(rank) else {
                found.always.push(at);
                continue;
            };
            let number = *numbers.entry(text).or_insert_with(|| {
                texts.push(bytes(text));
                found.patterns.push(Vec::new());
                texts.len() - 1
            });
            found.patterns[number].push(at);
        }
        // This fails beyond some billions of bytes of patterns. Each pattern is then tried.
        found.finder = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&texts).ok();
        match found.finder {
            Some(_) => found,
            None => Self::trying((0..patterns.len()).collect()),
        }
    }

    /// Returns these patterns for every path.
    pub(crate) fn trying(always: Vec<usize>) -> Self {
        Self { always, ..Self::default() }
    }

    /// The patterns that can match `path` or a directory above it, in order.
    pub(crate) fn of(&self, path: &[u8]) -> Vec<usize> {
        let mut found = self.always.clone();
        if let Some(finder) = &self.finder {
            for text in finder.find_overlapping_iter(path) {
                found.extend_from_slice(&self.patterns[text.pattern().as_usize()]);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Patterns, indexed by the directories of the paths that they match.
#[derive(Clone, Debug, Default)]
pub(crate) struct Below {
    /// For each directory that a pattern names, the last pattern that continues below it.
    named: HashMap<Vec<u32>, usize>,
    /// The patterns with wildcards, by the directory before the first wildcard.
    wild: HashMap<Vec<u32>, Vec<usize>>,
}

impl Below {
    pub(crate) fn new(patterns: &[Pattern], exception: bool) -> Self {
        let mut below = Self::default();
        for (at, pattern) in patterns.iter().enumerate().filter(|(_, one)| one.exception == exception) {
            let (texts, begins) = pattern.literals();
            let start = texts.first().filter(|_| begins).map_or(&[][..], Vec::as_slice);
            let dirs = start.iter().enumerate().filter(|&(_, &c)| c == SLASH).map(|(end, _)| &start[..end]);
            let mut last: &[u32] = &[];
            for dir in dirs {
                below.named.insert(dir.to_vec(), at);
                last = dir;
            }
            if !pattern.is_plain() {
                below.wild.entry(last.to_vec()).or_default().push(at);
            }
        }
        below
    }

    /// Whether one of the `patterns`, starting with number `from`, can match something below the directory `dir`.
    pub(crate) fn leads(&self, patterns: &[Pattern], dir: &[u32], from: usize) -> bool {
        if self.named.get(dir).is_some_and(|&last| last >= from) {
            return true;
        }
        let (mut places, depth) = (Places::default(), dir.iter().filter(|&&c| c == SLASH).count());
        let above = dir.iter().enumerate().filter(|&(_, &c)| c == SLASH).map(|(end, _)| &dir[..end]);
        std::iter::once(&[][..]).chain(above).filter_map(|above| self.wild.get(above)).any(|wild| {
            let later = &wild[wild.partition_point(|&at| at < from)..];
            later.iter().map(|&at| &patterns[at]).any(|pattern| {
                pattern.depth().is_none_or(|most| most > depth) && pattern.leads_below(dir, &mut places)
            })
        })
    }
}

/// The bytes of these characters.
fn bytes(text: &[u32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &c in text {
        match char::from_u32(c) {
            Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => out.push(c as u8),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: impl IntoIterator<Item = String>) -> Vec<Pattern> {
        texts.into_iter().map(|text| Pattern::new(1, false, &text).unwrap()).collect()
    }

    #[test]
    fn a_path_concerns_few_of_many_patterns() {
        let every = |form: &str| (0..5000).map(|n| form.replace('N', &format!("<{n}>"))).collect::<Vec<_>>();
        for form in ["N", "**/N", "dir/N*.log", "**/*.N", "*N*", "dir/**/N/?"] {
            let patterns = patterns(every(form));
            let candidates = Candidates::new(&patterns);
            assert_eq!(candidates.of(form.replace('N', "<42>").as_bytes()), [42], "{form}");
            assert_eq!(candidates.of(b"dir/else.log"), [0; 0], "{form}");
        }
    }

    #[test]
    fn patterns_of_wildcards_alone_concern_every_path() {
        let candidates = Candidates::new(&patterns(["a", "*", "b", "?/[a-c]"].map(String::from)));
        assert_eq!(candidates.of(b"b"), [1, 2]);
        assert_eq!(candidates.of(b"x/y"), [1, 3]);
    }
}
