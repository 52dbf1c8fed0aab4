//! Shows a build to the user: by records to whoever shows it, else on standard error, where a line is prefixed with the
//! name of its stage, or with its index if it has none.

use crate::log::Log;
use crate::options::Options;
use libcli::{is_told, plain_line, sanitise, say, tell};
use libwire::plan::Stage;
use libwire::record::{Cache, Why};
use libwire::{Progress, Span};
use rustix::pipe::PIPE_BUF;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

/// The longest line shown in one piece.
const LONGEST: usize = 8192;

/// How long a command may be silent until a line says that it still runs. Some CI systems end a job that is silent for
/// ten minutes.
pub const SILENT: Duration = Duration::from_secs(60);

/// The position of a step, for those who show it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Index of the stage.
    pub stage: usize,
    /// The stage in words.
    pub label: String,
    /// Which step.
    pub step: usize,
    /// Of how many.
    pub steps: usize,
}

/// The stage's name, or its index if it has none.
pub fn label(index: usize, name: Option<&str>) -> String {
    name.map_or_else(|| index.to_string(), sanitise)
}

fn label_of(stage: &Stage) -> String {
    label(stage.index, stage.name.as_deref())
}

/// Says that a stage begins.
pub fn stage(shown: bool, stage: &Stage) {
    let Stage { index, name, text, .. } = stage;
    let record = || Progress::Stage { stage: *index, name: name.clone(), text: sanitise(text) };
    if shown && !tell(&record()) {
        say_of(stage, text);
    }
}

/// Says that a stage's base is there.
pub fn base(shown: bool, stage: &Stage, steps: usize) {
    if shown {
        tell(&Progress::Base { stage: stage.index, steps });
    }
}

/// Says that a step begins.
pub fn step(shown: bool, stage: &Stage, step: usize, steps: usize, text: &str) {
    let record = || Progress::Step { stage: stage.index, step, steps, text: sanitise(text) };
    if shown && !tell(&record()) {
        say_of(stage, &format!("[{step}/{steps}] {text}"));
    }
}

/// Says that a step is done, if somebody shows steps; else only that it was found.
pub fn done(shown: bool, stage: &Stage, step: usize, cache: Cache, duration_ms: u64, bytes: Option<u64>) {
    let record = || Progress::Done { stage: stage.index, step, cache, duration_ms, bytes };
    if shown && !tell(&record()) && cache == Cache::Hit {
        say_of(stage, "CACHED");
    }
}

/// Says which step failed, if somebody shows steps. The message says it too.
pub fn failed(shown: bool, stage: &Stage, step: Option<usize>, span: Span) {
    if shown {
        tell(&Progress::Failed { stage: stage.index, step, duration_ms: span.duration_ms });
    }
}

/// Says that a stage waits for the one that it `needs`, if somebody shows stages. `false`: nobody does.
pub fn wait(stage: usize, needs: usize) -> bool {
    tell(&Progress::Wait { stage, needs })
}

/// Says one thing about the step.
pub fn note(shown: bool, stage: &Stage, text: &str) {
    if shown {
        note_of(stage.index, &label_of(stage), text);
    }
}

/// The same of the stage that is called `label`.
pub fn note_of(stage: usize, label: &str, text: &str) {
    let text = sanitise(text);
    if !tell(&Progress::Note { stage, text: text.clone() }) {
        say(&format!("#{label} {text}\n"));
    }
}

fn say_of(stage: &Stage, text: &str) {
    say(&format!("#{} {}\n", label_of(stage), sanitise(text)));
}

/// Says that a step has to be made, or would be, and why.
pub fn miss(options: &Options, stage: &Stage, why: Option<&Why>) {
    let begin = if options.dry_run { "would run" } else { "not cached" };
    match why {
        Some(why) => note(options.progress, stage, &format!("{begin}: {}", why.text)),
        None if options.dry_run => note(options.progress, stage, begin),
        None => {}
    }
}

/// Takes a command's output: into a log, and line by line to the user. If the log can't be written, the lines are
/// still shown.
pub struct Output {
    log: Log,
    shown: Option<Shown>,
    begun: Instant,
    line: Vec<u8>,
    last: VecDeque<Vec<u8>>,
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

    /// Takes some bytes; none if there were none for [`SILENT`].
    pub fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() && !is_told() {
            self.still_running().iter().for_each(|line| say(line));
        }
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
        if let Some(shown) = &self.shown {
            let prefix = if is_told() { String::new() } else { format!("#{} ", shown.label) };
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
        let text = std::mem::take(&mut self.unsaid);
        let (Some(shown), false) = (&self.shown, text.is_empty()) else { return };
        if !is_told() || !tell(&Progress::Log { stage: shown.stage, text: text.clone() }) {
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
    fn a_line_without_an_end_is_told_in_pieces_and_the_last_lines_are_kept() {
        let log = || File::options().write(true).open("/dev/null").unwrap();
        let mut output = Output::new(log(), None);
        for part in [LONGEST - 1, 1, 2 * LONGEST, 3] {
            output.write(&vec![b'x'; part]);
        }
        let lengths: Vec<_> = output.finish().0.iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST, LONGEST, LONGEST, 3]);
        let mut output = Output::new(log(), None);
        (0..50).for_each(|number| output.write(format!("{number}\n\n").as_bytes()));
        let wanted: Vec<_> = (30..50).map(|number| number.to_string()).collect();
        assert_eq!(output.finish().0, wanted);
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
