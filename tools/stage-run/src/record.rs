//! Parts of the records that tell of stages and steps: which one it is, when it began, and how it ended.

use crate::error::Left;
use crate::state::State;
use crate::step::Made;
use libcli::Failure;
use libwire::image::History;
use libwire::plan::{Op, Stage};
use libwire::record::{BaseStep, FailedStep, Record, StageId, Wait, Why};
use libwire::span::now_ms;
use libwire::{Digest, Span};

/// The outcome of a step, for its record.
#[derive(Default)]
pub struct Outcome {
    /// Its snapshot.
    pub made: Option<Made>,
    /// Its history entry.
    pub history: Option<History>,
    /// Whether it ran, or would have run.
    pub runs: bool,
    /// Why it was not in the cache.
    pub why: Option<Why>,
}

/// The FROM or the step that a stage is at, since it began.
pub struct InProgress {
    /// Which step, unless it is FROM.
    pub step: Option<usize>,
    /// Its line.
    pub line: u32,
    text: String,
    started_ms: u64,
    /// The files and the log that its command left, if it failed.
    pub left: Option<Box<Left>>,
}

impl InProgress {
    /// The beginning of `stage`.
    pub fn from(stage: &Stage) -> Self {
        Self::beginning(None, stage.line, &stage.text)
    }

    /// Goes on to a step, which begins now.
    pub fn step(&mut self, step: usize, line: u32, text: &str) {
        *self = Self::beginning(Some(step), line, text);
    }

    fn beginning(step: Option<usize>, line: u32, text: &str) -> Self {
        Self { step, line, text: text.to_owned(), started_ms: now_ms(), left: None }
    }

    /// The time until now.
    pub fn span(&self) -> Span {
        Span::since(self.started_ms)
    }

    /// The record of its failure, unless there is nothing to report: a shell ended here, or nobody reads.
    pub fn failed(self, stage: &Stage, failure: &Failure, waited: Vec<Wait>) -> Option<Record> {
        failure.render("")?;
        let span = self.span();
        let (command_status, log, left) =
            self.left.map_or((None, None, None), |left| (Some(left.status), Some(left.log), left.id));
        Some(Record::Failed(Box::new(FailedStep {
            id: stage_id(stage),
            step: self.step,
            dockerfile: stage.dockerfile.clone(),
            line: self.line,
            text: self.text,
            status: failure.status(),
            message: failure.what().to_owned(),
            command_status,
            log,
            left,
            span,
            waited,
        })))
    }
}

/// The record of a stage's beginning, `state` before its first instruction. Takes the inherited provenance out of it.
pub fn base(
    stage: &Stage,
    state: &mut State,
    image: Option<(Digest, Option<String>)>,
    span: Span,
    waited: Vec<Wait>,
) -> BaseStep {
    let (manifest, image) = image.map_or((None, None), |(manifest, name)| (Some(manifest), name));
    BaseStep {
        id: stage_id(stage),
        dockerfile: stage.dockerfile.clone(),
        line: stage.line,
        text: stage.text.clone(),
        layers: state.layers.clone(),
        config: state.config.clone(),
        manifest,
        image,
        provenance: state.provenance.take().map(Box::new),
        span: Some(span),
        waited,
    }
}

/// Which stage a record belongs to.
pub fn stage_id(stage: &Stage) -> StageId {
    StageId { stage: stage.index, stage_name: stage.name.clone() }
}

/// An instruction's name in lower case.
pub fn op_name(op: &Op) -> &'static str {
    match op {
        Op::Run { .. } => "run",
        Op::Copy(_) => "copy",
        Op::Add(_) => "add",
        Op::Env { .. } => "env",
        Op::Label { .. } => "label",
        Op::Arg { .. } => "arg",
        Op::Workdir { .. } => "workdir",
        Op::User { .. } => "user",
        Op::Expose { .. } => "expose",
        Op::Volume { .. } => "volume",
        Op::Cmd { .. } => "cmd",
        Op::Entrypoint { .. } => "entrypoint",
        Op::Shell { .. } => "shell",
        Op::Healthcheck { .. } => "healthcheck",
        Op::Stopsignal { .. } => "stopsignal",
        Op::Onbuild { .. } => "onbuild",
        Op::Maintainer { .. } => "maintainer",
    }
}
