//! What the user sees of a build: one line a step, and RUN's output line by line, prefixed with its stage.

use crate::options::Options;
use libcli::{plain_line, sanitise, say};
use libwire::record::Why;
use std::fs::File;
use std::io::{self, Write};

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

/// Takes a command's output: whole into a log, and to standard error by lines. A log that can't be written does not
/// keep the command from saying more.
pub struct Output {
    log: File,
    lost: Option<io::Error>,
    prefix: Option<String>,
    line: Vec<u8>,
    last: Vec<String>,
}

impl Output {
    /// Output of a step of `stage` that goes to `log`, and is shown if asked for.
    pub fn new(log: File, shown: bool, stage: usize) -> Self {
        Self {
            log,
            lost: None,
            prefix: shown.then(|| format!("#{stage} ")),
            line: Vec::new(),
            last: Vec::new(),
        }
    }

    /// Takes some bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.lost.is_none() {
            self.lost = self.log.write_all(bytes).err();
        }
        for &byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end_line(),
                _ => self.line.push(byte),
            }
            if self.line.len() >= LONGEST {
                self.end_line();
            }
        }
    }

    /// Shows what came after the last line's end. Gives the last lines, and why the log lacks some, if it does.
    pub fn finish(mut self) -> (Vec<String>, Option<io::Error>) {
        self.end_line();
        (self.last, self.lost)
    }

    fn end_line(&mut self) {
        const KEPT: usize = 20;
        if self.line.is_empty() {
            return;
        }
        let line = plain_line(&self.line);
        self.line.clear();
        if let Some(prefix) = &self.prefix {
            say(&format!("{prefix}{line}\n"));
        }
        if self.last.len() == KEPT {
            self.last.remove(0);
        }
        self.last.push(line);
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
