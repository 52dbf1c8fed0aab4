//! What records tell of a step beside its result: which kind it is, and when it was done or failed.

use crate::error::Left;
use crate::state::State;
use crate::step::Made;
use libcli::Failure;
use libwire::image::History;
use libwire::plan::{Op, Stage};
use libwire::record::{BaseStep, FailedStep, Record, StageId, Wait, Why};
use libwire::span::now_ms;
use libwire::{Digest, Span};

/// What a step changed, for its record.
#[derive(Default)]
pub struct Told {
    /// Its snapshot.
    pub made: Option<Made>,
    /// Its history entry.
    pub history: Option<History>,
    /// Whether it ran, or would run.
    pub runs: bool,
    /// Why it was not in the cache.
    pub why: Option<Why>,
}

/// What a stage is at: FROM first, then one instruction after the other.
pub struct At {
    step: Option<usize>,
    /// Its line.
    pub line: u32,
    text: String,
    started_ms: u64,
    /// What its command left, if that failed.
    pub left: Option<Box<Left>>,
}

impl At {
    /// The beginning of `stage`.
    pub fn base(stage: &Stage) -> Self {
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

    /// The record of its failure, unless there is nothing to say: a shell ended here, or nobody reads.
    pub fn failed(self, stage: &Stage, failure: &Failure, waited: Vec<Wait>) -> Option<Record> {
        failure.render("")?;
        let span = self.span();
        let (command_status, log, left) =
            self.left.map_or((None, None, None), |left| (Some(left.status), Some(left.log), left.id));
        Some(Record::Failed(Box::new(FailedStep {
            id: id(stage),
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

/// What a stage begins with: `state` before its first instruction. The provenance inherited is taken out of it.
pub fn base(
    stage: &Stage,
    state: &mut State,
    image: Option<(Digest, Option<String>)>,
    span: Span,
    waited: Vec<Wait>,
) -> BaseStep {
    let (manifest, image) = image.map_or((None, None), |(manifest, name)| (Some(manifest), name));
    BaseStep {
        id: id(stage),
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
pub fn id(stage: &Stage) -> StageId {
    StageId { stage: stage.index, stage_name: stage.name.clone() }
}

/// An instruction's name in lower case.
pub fn name(op: &Op) -> &'static str {
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
