//! The state of one stage: its running step, and the last lines that its command printed.

use crate::row::{Kind, Row};
use crate::units::took;
use libcli::{human, plain_line};
use libwire::record::Cache;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many lines of a failed step are shown.
const LINES: usize = 40;
/// The bytes that are kept of a line that does not end.
const LONGEST: usize = 8192;

/// Something that a stage is doing.
pub enum Doing {
    /// It looks up or pulls its base.
    Base,
    /// It runs this step.
    Step(usize),
    /// It waits for this stage.
    Wait(String),
}

/// Something that a stage is doing, and since when.
pub struct Now {
    /// The step, or what the stage waits for.
    pub doing: Doing,
    /// Its instruction.
    pub text: String,
    /// Since when.
    pub since: Instant,
}

/// The state of a stage.
pub struct Stage {
    /// Its name, or its index after `#`.
    pub label: String,
    steps: usize,
    /// Its running step, or what it waits for; `None` between two steps.
    pub now: Option<Now>,
    /// The first and the last of the cached steps that no row has shown yet.
    cached: Option<(usize, usize)>,
    /// The last lines. The last of them may not have ended.
    lines: VecDeque<String>,
    goes_on: bool,
}

impl Stage {
    /// A stage that is only known by its label.
    pub fn new(label: String) -> Self {
        Self { label, steps: 0, now: None, cached: None, lines: VecDeque::new(), goes_on: false }
    }

    /// Begins to do something else.
    pub fn begin(&mut self, doing: Doing, text: &str, now: Instant) {
        self.now = Some(Now { doing, text: text.to_owned(), since: now });
    }

    /// Begins a step.
    pub fn step(&mut self, step: usize, steps: usize, text: &str, now: Instant) {
        self.steps = steps;
        self.lines.clear();
        self.begin(Doing::Step(step), text, now);
    }

    /// Adds text that its command printed.
    pub fn log(&mut self, text: &str) {
        for part in text.split_inclusive('\n') {
            let line = plain_line(part.trim_end_matches('\n').as_bytes());
            match self.lines.back_mut().filter(|last| self.goes_on && last.len() < LONGEST) {
                Some(last) => last.push_str(&line),
                None => self.lines.push_back(line),
            }
            self.goes_on = !part.ends_with('\n');
        }
        self.lines.drain(..self.lines.len().saturating_sub(LINES));
    }

    /// The last line that is not empty.
    pub fn last_line(&self) -> Option<&str> {
        self.lines.iter().map(|line| line.trim()).rfind(|line| !line.is_empty())
    }

    /// Ends a step, and returns its rows. Cached steps share a row later.
    pub fn done(&mut self, step: usize, cache: Cache, time: Duration, bytes: Option<u64>) -> Vec<Row> {
        let text = self.now.take().map(|now| now.text).unwrap_or_default();
        let mut rows = Vec::new();
        match cache {
            Cache::Hit => self.cached = Some((self.cached.map_or(step, |(first, _)| first), step)),
            Cache::None => {}
            Cache::Miss => {
                rows.extend(self.take_cached());
                let bytes = bytes.filter(|bytes| *bytes > 0).map(human);
                let facts = [took(time)].into_iter().chain(bytes).collect();
                rows.push(Row::new(Kind::Done, &format!("✓ {} {text}", self.place(step)), facts));
            }
        }
        if step == self.steps {
            rows.extend(self.take_cached());
        }
        rows
    }

    /// Ends the stage as failed, at FROM if `step` is `None`. Returns its rows, with the last lines of the command.
    pub fn failed(&mut self, step: Option<usize>, time: Duration) -> Vec<Row> {
        let text = self.now.take().map(|now| now.text).unwrap_or_default();
        let place = step.map_or_else(|| self.label.clone(), |step| self.place(step));
        let head = Row::new(Kind::Failed, &format!("✗ {place} {text}"), vec![took(time)]);
        let lines = self.lines.drain(..).map(|line| Row::whole(Kind::Plain, &line));
        self.cached
            .take()
            .map(|cached| told(&self.label, self.steps, cached))
            .into_iter()
            .chain([head])
            .chain(lines)
            .collect()
    }

    /// The row of the cached steps that no row has shown yet.
    pub fn take_cached(&mut self) -> Option<Row> {
        self.cached.take().map(|cached| told(&self.label, self.steps, cached))
    }

    /// The words for a step of this stage.
    pub fn place(&self, step: usize) -> String {
        format!("{} {step}/{}", self.label, self.steps)
    }
}

fn told(label: &str, steps: usize, (first, last): (usize, usize)) -> Row {
    let range = if first == last { first.to_string() } else { format!("{first}–{last}") };
    Row::new(Kind::Quiet, &format!("· {label} {range}/{steps} cached"), Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(rows: impl IntoIterator<Item = Row>) -> Vec<String> {
        rows.into_iter().map(|row| row.text(79)).collect()
    }

    #[test]
    fn cached_steps_are_one_row_and_steps_of_the_config_none() {
        let (now, time) = (Instant::now(), Duration::from_millis(12_400));
        let mut stage = Stage::new("build".into());
        for (step, cache) in [(1, Cache::Hit), (2, Cache::None), (3, Cache::Hit)] {
            stage.step(step, 6, "x", now);
            assert!(stage.done(step, cache, time, None).is_empty());
        }
        stage.step(4, 6, "RUN make", now);
        let rows = stage.done(4, Cache::Miss, time, Some(210_000_000));
        assert_eq!(texts(rows), ["· build 1–3/6 cached", "✓ build 4/6 RUN make  12.4s  210.0 MB"]);
        stage.step(5, 6, "COPY a b", now);
        assert_eq!(texts(stage.done(5, Cache::Miss, time, Some(0))), ["✓ build 5/6 COPY a b  12.4s"]);
        stage.step(6, 6, "COPY a b", now);
        assert_eq!(texts(stage.done(6, Cache::Hit, time, None)), ["· build 6/6 cached"]);
    }

    #[test]
    fn a_failure_has_the_last_lines_of_its_step() {
        let now = Instant::now();
        let mut stage = Stage::new("build".into());
        stage.step(1, 2, "RUN true", now);
        stage.log("of another step\n");
        stage.step(2, 2, "RUN make", now);
        (0..50).for_each(|line| stage.log(&format!("line {line}\n")));
        stage.log("par");
        stage.log("tly \x1b[2J\n\n \n");
        assert_eq!(stage.last_line(), Some("partly"));
        let rows = texts(stage.failed(Some(2), Duration::ZERO));
        assert_eq!(rows[0], "✗ build 2/2 RUN make  0.0s");
        assert_eq!(rows[1..4], ["line 13", "line 14", "line 15"]);
        assert_eq!(rows.len(), 1 + LINES);
        assert!(stage.now.is_none());
    }
}
