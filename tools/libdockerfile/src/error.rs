//! Why a Dockerfile is refused: the place, the kind of error, and the lines to show. The message is made in hints.rs.

use std::fmt::Write;

/// The reason that a Dockerfile is refused. Its display is the message, with a suggestion if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The first wrong line, from 1; `None` if the whole file is wrong.
    pub line: Option<u32>,
    /// The last wrong line.
    pub line_end: u32,
    pub(crate) kind: Kind,
    /// The text to point at; empty if the whole line is wrong.
    pub token: String,
    /// Whether the text cannot even be split into words. As in BuildKit, such an error anywhere in the file comes
    /// before errors in words.
    pub unreadable: bool,
}

/// The kind of error. For every kind except a message, hints.rs guesses the intended text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A complete message.
    Message(String),
    /// The line begins with the token, which is not an instruction. `above` is the instruction above it, and the last
    /// line of its text.
    /// its text.
    Stray { above: Option<(u32, String)> },
    /// The instruction has no argument, but needs exactly one, or at least one.
    MissingArgument { instruction: String, exactly: bool },
    /// The token is not a `name=value` in `text`, the arguments of ENV or LABEL. `before` is the word before it.
    NoPair { instruction: String, text: String, before: Option<String> },
    /// The here-document `name` has no end. `near` is a line that looks like its end.
    NoTerminator { name: String, strip_tabs: bool, near: Option<u32> },
    /// The token, FROM's arguments, is neither one word nor three.
    WordsOfFrom,
}

impl ParseError {
    /// An error of the whole file, until [`ParseError::at`] sets the place.
    pub fn new(what: impl Into<String>) -> Self {
        Self::of(Kind::Message(what.into()))
    }

    /// An error of a certain kind.
    pub(crate) fn of(kind: Kind) -> Self {
        Self { line: None, line_end: 0, kind, token: String::new(), unreadable: false }
    }

    /// Marks an error in splitting a text into words.
    pub(crate) fn unreadable(self) -> Self {
        Self { unreadable: true, ..self }
    }

    /// Sets the text to point at.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// Sets the lines, unless they are known already.
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

    /// The wrong lines, with carets below the text to point at.
    pub fn snippet(&self, source: &str) -> String {
        self.line.map_or_else(String::new, |line| snippet(source, line, self.line_end, &self.token))
    }
}

/// A word that can't be expanded.
impl From<&crate::expand::ExpandError> for ParseError {
    fn from(error: &crate::expand::ExpandError) -> Self {
        Self::new(error.to_string()).token(error.word.clone())
    }
}

/// Lines `first` to `last` of `source`, as [`snippet_of`] shows them.
fn snippet(source: &str, first: u32, last: u32, token: &str) -> String {
    let count = last.saturating_sub(first) as usize + 1;
    let lines = source.split('\n').map(|line| line.trim_end_matches('\r'));
    let lines: Vec<&str> = lines.skip((first as usize).saturating_sub(1)).take(count).collect();
    snippet_of(&lines, first, token)
}

/// The most lines of an instruction that a message shows.
const SHOWN: usize = 6;

/// The lines of an instruction that begins at line `first`, with numbers. Carets are below `token`, or below the text
/// of the first line if no line has the token. A long instruction is shortened to its beginning and the line with
/// carets.
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

/// The position of `token` in `line`, with `whole` only as a whole word.
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
        // A whole word is preferred to a part of one.
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
