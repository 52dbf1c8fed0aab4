//! The output of a command: whole into a log, and line by line to the user.

use crate::run::log::Log;
use crate::run::tail::Tail;
use libcli::{is_watched, push_plain_line, say, tell};
use libwire::Progress;
use rustix::pipe::PIPE_BUF;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

/// The longest line shown in one piece.
const LONGEST: usize = 8192;

/// How long a command may be silent until a line says that it still runs. Some CI systems end a job that is silent for
/// ten minutes.
pub const SILENT: Duration = Duration::from_secs(60);

/// The step whose output it is.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Index of the stage.
    pub stage: usize,
    /// The stage as lines name it.
    pub label: String,
    /// Which step.
    pub step: usize,
    /// The number of steps.
    pub steps: usize,
}

/// Takes a command's output. If the log can't be written, the lines are still shown.
pub struct Output {
    log: Log,
    shown: Option<Shown>,
    begun: Instant,
    line: Vec<u8>,
    tail: Tail,
    /// Lines that are to be shown next.
    unsaid: String,
}

impl Output {
    /// Output that goes to `log`, and is shown as that of the step `shown`, if one is given.
    pub fn new(log: File, shown: Option<Shown>) -> Self {
        Self {
            log: Log::new(log),
            shown,
            begun: Instant::now(),
            line: Vec::new(),
            tail: Tail::default(),
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

    /// Takes some bytes; none if there were none for [`SILENT`].
    pub fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() && !is_watched() {
            self.still_running().iter().for_each(|line| say(line));
        }
        self.log.write(bytes);
        self.tail.push(bytes);
        if self.shown.is_none() {
            return;
        }
        for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match part {
                // Most lines come whole.
                [text @ .., b'\n' | b'\r'] if self.line.is_empty() && text.len() < LONGEST => self.show(text),
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
        (self.tail.lines(), self.log.finish())
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        self.show(&line);
        line.clear();
        self.line = line;
    }

    fn show(&mut self, line: &[u8]) {
        let Some(shown) = self.shown.as_ref().filter(|_| !line.is_empty()) else { return };
        let before = self.unsaid.len();
        if !is_watched() {
            self.unsaid.extend(["#", &shown.label, " "]);
        }
        push_plain_line(&mut self.unsaid, line);
        self.unsaid.push('\n');
        // A pipe takes so much in one piece, even if others write to it.
        if self.unsaid.len() > PIPE_BUF {
            let rest = self.unsaid.split_off(before);
            self.say();
            self.unsaid = rest;
        }
    }

    fn say(&mut self) {
        let text = std::mem::take(&mut self.unsaid);
        let (Some(shown), false) = (&self.shown, text.is_empty()) else { return };
        if !is_watched() || !tell(&Progress::Log { stage: shown.stage, text: text.clone() }) {
            say(&text);
        }
    }

    /// The line which says that a silent command still runs, if lines are shown.
    fn still_running(&self) -> Option<String> {
        let Shown { label, step, steps, .. } = self.shown.as_ref()?;
        let minutes = self.begun.elapsed().as_secs().div_ceil(60).max(1);
        Some(format!("#{label} [{step}/{steps}] still running, for {minutes} min\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::label;

    #[test]
    fn the_log_has_every_byte_and_the_screen_clean_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut output = Output::new(File::create(&path).unwrap(), None);
        output.write(b"\x1b[31mred\x1b[0m\r50%\r\n\x07be");
        output.write(b"ll");
        assert_eq!(output.finish().0, ["red", "50%", "?bell"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"\x1b[31mred\x1b[0m\r50%\r\n\x07bell");
    }

    #[test]
    fn a_log_that_cannot_be_written_takes_no_line_away() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut output = Output::new(full, None);
        output.write(b"one\n");
        output.write(b"two\n");
        let (last, lost) = output.finish();
        assert_eq!(last, ["one", "two"]);
        assert_eq!(lost.unwrap().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_silent_command_is_said_to_run_if_it_is_shown() {
        let log = || File::options().write(true).open("/dev/null").unwrap();
        let shown = Shown { stage: 0, label: label(0, Some("build")), step: 3, steps: 7 };
        let said = Output::new(log(), Some(shown)).still_running();
        assert_eq!(said.as_deref(), Some("#build [3/7] still running, for 1 min\n"));
        assert_eq!(Output::new(log(), None).still_running(), None);
        assert_eq!(label(4, None), "4");
    }
}
