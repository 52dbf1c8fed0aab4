//! The state of a build: takes records, and returns the rows that scroll away. [`crate::region`] draws the steps and
//! transfers that are running.

use crate::row::{Kind, Row};
use crate::stage::{Doing, Stage};
use crate::units::took;
use libcli::human;
use libwire::Progress;
use libwire::progress::Transfer;
use libwire::record::Cache;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a step runs before the cached steps above it are shown: most of those are found at once.
const RUNS: Duration = Duration::from_millis(300);

/// The state of a build, and the rows that it has not given yet.
pub struct Build {
    begun: Instant,
    pub(crate) stages: BTreeMap<usize, Stage>,
    /// The running transfers, in the order of their beginning.
    pub(crate) transfers: Vec<Transfer>,
    /// Rows that were not taken yet.
    rows: Vec<Row>,
    cached: usize,
    ran: usize,
    /// The bytes that a pull of the image transfers.
    image: Option<u64>,
    /// The exit status.
    ended: Option<u8>,
}

impl Build {
    /// A build that begins at `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            begun: now,
            stages: BTreeMap::new(),
            transfers: Vec::new(),
            rows: Vec::new(),
            cached: 0,
            ran: 0,
            image: None,
            ended: None,
        }
    }

    /// Updates the state by a record that arrived at `now`.
    pub fn take(&mut self, record: &Progress, now: Instant) {
        match record {
            Progress::Stage { stage, name, text } => {
                let label = name.clone().unwrap_or_else(|| format!("#{stage}"));
                self.stages.entry(*stage).or_insert_with(|| Stage::new(label)).begin(Doing::Base, text, now);
            }
            Progress::Base { stage, .. } => self.stage(*stage).now = None,
            Progress::Step { stage, step, steps, text } => self.stage(*stage).step(*step, *steps, text, now),
            Progress::Wait { stage, needs } => {
                let needs =
                    self.stages.get(needs).map_or_else(|| format!("#{needs}"), |stage| stage.label.clone());
                self.stage(*stage).begin(Doing::Wait(needs), "", now);
            }
            Progress::Log { stage, text } => self.stage(*stage).log(text),
            Progress::Note { stage, text } => {
                let row = Row::whole(Kind::Quiet, &format!("  {}: {text}", self.stage(*stage).label));
                self.rows.push(row);
            }
            Progress::Done { stage, step, cache, duration_ms, bytes } => {
                self.cached += usize::from(*cache == Cache::Hit);
                self.ran += usize::from(*cache == Cache::Miss);
                let rows =
                    self.stage(*stage).done(*step, *cache, Duration::from_millis(*duration_ms), *bytes);
                self.rows.extend(rows);
            }
            Progress::Failed { stage, step, duration_ms } => {
                let rows = self.stage(*stage).failed(*step, Duration::from_millis(*duration_ms));
                self.rows.extend(rows);
            }
            Progress::Transfer(transfer) => self.transfer(transfer),
            Progress::Message { text, .. } => {
                self.rows.extend(text.lines().map(|line| Row::whole(Kind::Plain, line)));
            }
            Progress::Image { bytes, .. } => self.image = Some(*bytes),
            Progress::End { status } => self.ended = Some(*status),
            Progress::Terminal { .. } => {}
        }
    }

    /// The stage with this index. It is added if it is not known, because a slow reader may have missed its beginning.
    fn stage(&mut self, index: usize) -> &mut Stage {
        self.stages.entry(index).or_insert_with(|| Stage::new(format!("#{index}")))
    }

    fn transfer(&mut self, transfer: &Transfer) {
        let same = |known: &Transfer| (known.what, &known.name) == (transfer.what, &transfer.name);
        match self.transfers.iter().position(same) {
            Some(at) if transfer.done => drop(self.transfers.remove(at)),
            Some(at) => self.transfers[at] = transfer.clone(),
            None if transfer.done => {}
            None => self.transfers.push(transfer.clone()),
        }
    }

    /// Whether a live row shows a clock.
    pub fn is_live(&self) -> bool {
        !self.transfers.is_empty() || self.stages.values().any(|stage| stage.now.is_some())
    }

    /// Whether the `end` record has arrived.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The rows that scroll away, since the last call.
    pub fn take_rows(&mut self, now: Instant) -> Vec<Row> {
        for stage in self.stages.values_mut() {
            let runs = stage.now.as_ref().is_some_and(|at| now.duration_since(at.since) >= RUNS);
            self.rows.extend(runs.then(|| stage.take_cached()).flatten());
        }
        std::mem::take(&mut self.rows)
    }

    /// Ends all stages and transfers. If the build succeeded, a last row says how long it took.
    pub fn finish(&mut self, now: Instant) {
        for stage in self.stages.values_mut() {
            stage.now = None;
            self.rows.extend(stage.take_cached());
        }
        self.transfers.clear();
        if self.ended == Some(0) {
            let made = if self.image.is_some() { "built" } else { "done" };
            let counts = format!("{} cached, {} run", self.cached, self.ran);
            let pull = self.image.map(|bytes| format!("a pull is {}", human(bytes)));
            let facts = [counts].into_iter().chain(pull).collect();
            self.rows.push(Row::new(Kind::Done, &format!("✓ {made} in {}", took(now - self.begun)), facts));
        }
    }
}

#[cfg(test)]
mod tests;
