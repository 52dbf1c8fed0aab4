//! The failure of a tool: its place, the error, the remedy, and the exit status.

use std::fmt;
use std::io;

/// Exit statuses of all tools (stagepipe(7), EXIT STATUS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The job failed, or a RUN did.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A Dockerfile, record, tar or image is invalid.
    BadInput,
    /// A lock or a registry was not available; it may be later.
    TryAgain,
    /// The reader of standard output has gone: ends quietly, as by SIGPIPE.
    ClosedPipe,
    /// The status of a command that was run for the user, or 128 + a signal's number.
    Status(u8),
    /// Another part of the same build failed: ends as by SIGTERM.
    Stopped,
}

/// A failure: exit status, one-line message, and lines of detail (a source snippet, hints).
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    place: String,
    what: String,
    detail: String,
}

impl Failure {
    /// A failure at `place` (`Dockerfile:7`, `record 3`; empty if there is none).
    pub fn new(exit: Exit, place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self { exit, place: place.into(), what: what.to_string(), detail: String::new() }
    }

    /// The job failed (exit 1).
    pub fn failed(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, place, what)
    }

    /// The command line is wrong (exit 2).
    pub fn usage(what: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, "", what)
    }

    /// An input is invalid (exit 3).
    pub fn bad_input(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self::new(Exit::BadInput, place, what)
    }

    /// It may work later (exit 75).
    pub fn try_again(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self::new(Exit::TryAgain, place, what)
    }

    /// The process exit status.
    pub fn status(&self) -> u8 {
        match self.exit {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::BadInput => 3,
            Exit::TryAgain => 75,
            Exit::ClosedPipe => 141,
            Exit::Status(status) => status,
            Exit::Stopped => 143,
        }
    }

    /// The class of the failure.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The place; empty if there is none.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The message without place and tool.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Adds lines below the message: a snippet with carets, a hint. Newlines are kept.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Changes the exit status, but not the message.
    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The text for standard error, or `None` for a failure that ends quietly.
    pub fn render(&self, tool: &str) -> Option<String> {
        if self.exit == Exit::ClosedPipe || self.what.is_empty() {
            return None;
        }
        let mut text = format!("{tool}: ");
        if !self.place.is_empty() {
            text += &format!("{}: ", brief(&sanitise(&self.place)));
        }
        text += &brief(&sanitise(&self.what));
        text.push('\n');
        for line in self.detail.lines() {
            text += &sanitise(line);
            text.push('\n');
        }
        Some(text)
    }
}

/// An I/O failure of standard output or another unnamed stream.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::ClosedPipe, "", error),
            _ => Self::failed("", error),
        }
    }
}

/// Replaces control characters, even newlines and escape sequences, so that text from an input can't move the cursor or
/// forge a second message.
pub fn sanitise(text: &str) -> String {
    let safe = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '?',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
        c => c,
    };
    text.trim_end_matches('\n').replace('\n', " | ").chars().map(safe).collect()
}

/// Longer words of a message are cut in the middle, because a path of thousands of bytes hides the rest of the message.
const LONG: usize = 400;
/// The bytes that are kept of a long word: at its start and its end.
const KEPT: [usize; 2] = [160, 80];

/// A message in which long words are shortened. Text in quotes is one word.
pub(crate) fn brief(text: &str) -> String {
    if text.len() <= LONG {
        return text.to_owned();
    }
    let mut quoted = false;
    let words = text.split_inclusive(|c: char| {
        quoted ^= c == '"';
        c == ' ' && !quoted
    });
    words.map(cut_word).collect()
}

fn cut_word(word: &str) -> String {
    if word.len() <= LONG {
        return word.to_owned();
    }
    let [start, end] = [word.floor_char_boundary(KEPT[0]), word.ceil_char_boundary(word.len() - KEPT[1])];
    format!("{}…{}", &word[..start], &word[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_thousands_of_bytes_is_cut_and_the_words_around_it_are_not() {
        for part in ["directory/", "d é r/", "日本/"] {
            let path = format!("{:?}", part.repeat(500) + "leaf");
            let text =
                Failure::failed("Dockerfile:2", format!("{path}: too long; cut it")).render("t").unwrap();
            assert!(text.len() < 330, "{text}");
            assert!(text.starts_with("t: Dockerfile:2: \"d") || text.starts_with("t: Dockerfile:2: \"日"));
            assert!(text.ends_with("leaf\": too long; cut it\n") && text.contains('…'), "{text}");
        }
        let words = "several words ".repeat(100);
        assert_eq!(brief(&words), words);
    }

    #[test]
    fn a_message_is_tool_place_what() {
        let failure =
            Failure::bad_input("Dockerfile:7", "unknown instruction RUM").with_detail("  7 | RUM\n");
        assert_eq!(
            failure.render("df-parse").unwrap(),
            "df-parse: Dockerfile:7: unknown instruction RUM\n  7 | RUM\n"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(sanitise("a\x1b[2Jb\nc\u{202e}d"), "a?[2Jb | c?d");
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_141() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.render("x"), failure.status()), (None, 141));
    }
}
