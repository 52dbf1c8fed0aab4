//! Shows a build to the user: one line a step, and RUN's output line by line, prefixed with its stage.

use crate::log::Log;
use crate::options::Options;
use libcli::{plain_line, sanitise, say};
use libwire::record::Why;
use rustix::pipe::PIPE_BUF;
use std::collections::VecDeque;
use std::fs::File;
use std::io;

/// The longest line shown in one piece.
const LONGEST: usize = 8192;

/// Says that a step begins.
pub fn step(shown: bool, stage: usize, step: usize, steps: usize, text: &str) {
    if shown {
        say(&format!("#{stage} [{step}/{steps}] {}\n", sanitise(text)));
    }
}

/// Says one thing about the step.
pub fn note(shown: bool, stage: usize, text: &str) {
    if shown {
        say(&format!("#{stage} {}\n", sanitise(text)));
    }
}

/// Says that a step has to be made, or would be, and why.
pub fn miss(options: &Options, stage: usize, why: Option<&Why>) {
    let begin = if options.dry_run { "would run" } else { "not cached" };
    match why {
        Some(why) => note(options.progress, stage, &format!("{begin}: {}", why.text)),
        None if options.dry_run => note(options.progress, stage, begin),
        None => {}
    }
}

/// Takes a command's output: into a log, and line by line to standard error. If the log can't be written, the
/// lines are still shown.
pub struct Output {
    log: Log,
    prefix: Option<String>,
    line: Vec<u8>,
    last: VecDeque<Vec<u8>>,
    /// Lines that are to be shown next.
    unsaid: String,
}

impl Output {
    /// Output of a step of `stage` that goes to `log`, and is shown if asked for.
    pub fn new(log: File, shown: bool, stage: usize) -> Self {
        Self {
            log: Log::new(log),
            prefix: shown.then(|| format!("#{stage} ")),
            line: Vec::new(),
            last: VecDeque::new(),
            unsaid: String::new(),
        }
    }

    /// The same, of which the log has `max` bytes at most.
    #[must_use]
    pub fn keeping(mut self, max: u64) -> Self {
        self.log = self.log.of_at_most(max);
        self
    }

    /// How many bytes the log has no room for.
    pub fn clipped(&self) -> u64 {
        self.log.clipped()
    }

    /// Takes some bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.log.write(bytes);
        for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match part {
                [text @ .., b'\n' | b'\r'] => {
                    self.extend_line(text);
                    self.end_line();
                }
                text => self.extend_line(text),
            }
        }
        self.say();
    }

    fn extend_line(&mut self, mut text: &[u8]) {
        while let Some((piece, rest)) = text.split_at_checked(LONGEST - self.line.len()) {
            self.line.extend_from_slice(piece);
            self.end_line();
            text = rest;
        }
        self.line.extend_from_slice(text);
    }

    /// Shows the rest, which has no line's end. Gives the last lines, and the reason if the log lacks some.
    pub fn finish(mut self) -> (Vec<String>, Option<io::Error>) {
        self.end_line();
        self.say();
        (self.last.iter().map(|line| plain_line(line)).collect(), self.log.finish())
    }

    fn end_line(&mut self) {
        const KEPT: usize = 20;
        if self.line.is_empty() {
            return;
        }
        if let Some(prefix) = &self.prefix {
            let line = format!("{prefix}{}\n", plain_line(&self.line));
            // A pipe takes so much in one piece, even if others write to it.
            if self.unsaid.len() + line.len() > PIPE_BUF {
                self.say();
            }
            self.unsaid += &line;
        }
        let mut next = if self.last.len() == KEPT { self.last.pop_front() } else { None }.unwrap_or_default();
        next.clear();
        self.last.push_back(std::mem::replace(&mut self.line, next));
    }

    fn say(&mut self) {
        if !self.unsaid.is_empty() {
            say(&self.unsaid);
            self.unsaid.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_every_byte_and_the_screen_clean_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut output = Output::new(File::create(&path).unwrap(), false, 0);
        output.write(b"\x1b[31mred\x1b[0m\r50%\r\n\x07be");
        output.write(b"ll");
        assert_eq!(output.finish().0, ["red", "50%", "?bell"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"\x1b[31mred\x1b[0m\r50%\r\n\x07bell");
    }

    #[test]
    fn a_line_without_an_end_is_told_in_pieces_and_the_last_lines_are_kept() {
        let log = || File::options().write(true).open("/dev/null").unwrap();
        let mut output = Output::new(log(), false, 0);
        for part in [LONGEST - 1, 1, 2 * LONGEST, 3] {
            output.write(&vec![b'x'; part]);
        }
        let lengths: Vec<_> = output.finish().0.iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST, LONGEST, LONGEST, 3]);
        let mut output = Output::new(log(), false, 0);
        (0..50).for_each(|number| output.write(format!("{number}\n\n").as_bytes()));
        let wanted: Vec<_> = (30..50).map(|number| number.to_string()).collect();
        assert_eq!(output.finish().0, wanted);
    }

    #[test]
    fn a_log_that_cannot_be_written_takes_no_line_away() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut output = Output::new(full, false, 0);
        output.write(b"one\n");
        output.write(b"two\n");
        let (last, lost) = output.finish();
        assert_eq!(last, ["one", "two"]);
        assert_eq!(lost.unwrap().kind(), io::ErrorKind::StorageFull);
    }
}
