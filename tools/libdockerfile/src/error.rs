//! A Dockerfile that can't be: where, what, and what was probably meant.

use std::fmt::Write;

/// Why a Dockerfile is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ParseError {
    /// First line at fault, from 1; `None` when no line is.
    pub line: Option<u32>,
    /// Last line at fault.
    pub line_end: u32,
    /// What is wrong, with a suggestion where there is one.
    pub what: String,
    /// The text at fault, to point at; empty when the whole line is.
    pub token: String,
    /// Whether the text can't even be split into words. Such an error anywhere in the file comes before
    /// those of what the words say, as in BuildKit.
    pub unreadable: bool,
}

impl ParseError {
    /// An error of the whole file.
    pub fn file(what: impl Into<String>) -> Self {
        Self { line: None, line_end: 0, what: what.into(), token: String::new(), unreadable: false }
    }

    /// An error at a place that [`ParseError::at`] fills in.
    pub fn new(what: impl Into<String>) -> Self {
        Self::file(what)
    }

    /// An error of splitting a text into words.
    pub(crate) fn unreadable(what: impl Into<String>) -> Self {
        Self { unreadable: true, ..Self::file(what) }
    }

    /// Names the text at fault.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// Fills in the lines, unless they are known already.
    pub fn at(mut self, line: u32, line_end: u32) -> Self {
        if self.line.is_none() {
            (self.line, self.line_end) = (Some(line), line_end);
        }
        self
    }

    /// `Dockerfile:7`, or the name alone.
    pub fn place(&self, name: &str) -> String {
        self.line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"))
    }

    /// The lines at fault with carets below the text at fault.
    pub fn snippet(&self, source: &str) -> String {
        self.line.map_or_else(String::new, |line| snippet(source, line, self.line_end, &self.token))
    }
}

/// A word that can't be expanded.
impl From<&crate::expand::ExpandError> for ParseError {
    fn from(error: &crate::expand::ExpandError) -> Self {
        Self::file(error.to_string()).token(error.word.clone())
    }
}

/// Lines `first` to `last` of `source`, as [`snippet_of`] shows them.
pub fn snippet(source: &str, first: u32, last: u32, token: &str) -> String {
    let count = last.saturating_sub(first) as usize + 1;
    let lines = source.split('\n').map(|line| line.trim_end_matches('\r'));
    let lines: Vec<&str> = lines.skip((first as usize).saturating_sub(1)).take(count).collect();
    snippet_of(&lines, first, token)
}

/// The most lines of an instruction that a message shows.
const SHOWN: usize = 6;

/// The lines of an instruction that begins at line `first`, numbered; carets below `token`, or below the
/// first line's text when it is in none. Of a long instruction only the beginning and the line with carets.
pub fn snippet_of<S: AsRef<str>>(lines: &[S], first: u32, token: &str) -> String {
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    let token = token.lines().next().unwrap_or_default();
    let place = |whole| {
        let found = lines.iter().enumerate().find_map(|(at, line)| Some((at, find(line, token, whole)?)));
        found.filter(|_| !token.is_empty())
    };
    let (marked, before, width) = match place(true).or_else(|| place(false)) {
        Some((at, found)) => (at, lines[at][..found].chars().count(), token.chars().count()),
        None => {
            let line = lines.first().copied().unwrap_or_default();
            let blanks = line.chars().take_while(|c| c.is_whitespace()).count();
            (0, blanks, line.trim().chars().count())
        }
    };
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        match (at < SHOWN - 1, at == marked) {
            (false, false) if at == SHOWN - 1 => out += "     | ...\n",
            (false, false) => {}
            _ => {
                let _ = writeln!(out, "{:>4} | {}", first as usize + at, clip(line));
            }
        }
        if at == marked && before < 150 {
            let carets = "^".repeat(width.clamp(1, 160 - before));
            let _ = writeln!(out, "     | {}{carets}", " ".repeat(before));
        }
    }
    out
}

/// Where `token` is in `line`, perhaps only as a whole word.
fn find(line: &str, token: &str, whole: bool) -> Option<usize> {
    let bounds = |at: usize| {
        let blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
        blank(line[..at].chars().next_back()) && blank(line[at + token.len()..].chars().next())
    };
    line.match_indices(token).map(|(at, _)| at).find(|at| !whole || bounds(*at))
}

fn clip(line: &str) -> String {
    match line.chars().count() > 160 {
        true => line.chars().take(157).chain("...".chars()).collect(),
        false => line.replace('\t', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_below_the_text_at_fault() {
        assert_eq!(
            snippet("FROM a\nCOPY --chonw=1 a b\n", 2, 2, "--chonw"),
            "   2 | COPY --chonw=1 a b\n     |      ^^^^^^^\n"
        );
        // A whole word before a part of one.
        assert_eq!(snippet("ENV abc=1 b\n", 1, 1, "b"), "   1 | ENV abc=1 b\n     |           ^\n");
    }

    #[test]
    fn a_long_instruction_is_cut_but_for_the_line_with_carets() {
        let lines = ["RUN a", "b", "c", "d", "e", "f", "g", "h"];
        assert_eq!(snippet_of(&lines, 3, "zz").lines().nth(1), Some("     | ^^^^^"));
        let shown = snippet_of(&lines, 3, "g");
        let last: Vec<_> = shown.lines().skip(4).collect();
        assert_eq!(last, ["   7 | e", "     | ...", "   9 | g", "     | ^"]);
    }
}
