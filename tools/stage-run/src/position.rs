//! Where a build is: in which stage, at which step, and what the stage has become so far.

use crate::key::Key;
use crate::plan::stage_name;
use crate::session::Session;
use crate::state::State;
use libwire::Digest;
use libwire::plan::{Base, Stage};

/// The step that a stage is at: it is to be made or found.
#[derive(Clone, Copy)]
pub struct CurrentStep<'a> {
    /// The run.
    pub session: &'a Session<'a>,
    /// The stage.
    pub stage: &'a Stage,
    /// The state of the stage before the step.
    pub state: &'a State,
    /// The position in the stage.
    pub position: &'a Position,
}

/// The position in a stage, and what an explanation tells of the steps above it. It decides nothing.
#[derive(Clone, Debug, Default)]
pub struct Position {
    /// The number of the step, from 1.
    pub step: usize,
    /// How many steps there are.
    pub steps: usize,
    /// The instruction.
    pub text: String,
    /// Names of the ARGs so far: the other variables are the environment's.
    pub args: Vec<String>,
    /// The steps of this stage that were run.
    pub ran: Vec<Ran>,
    /// How many layers the stage began with.
    pub base_layers: usize,
    /// The base of the stage in words.
    pub base: String,
}

/// A step that was run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its number.
    pub step: usize,
    /// Its snapshot. A dry run has none.
    pub snapshot: Option<String>,
}

impl Position {
    /// The beginning of `stage` on `state`.
    pub fn new(stage: &Stage, state: &State, steps: usize) -> Self {
        let base = match &stage.base {
            Base::Scratch => "scratch".to_owned(),
            Base::Stage { index } => stage_name(stage, *index),
            Base::Image { name, .. } => format!("image {name}"),
            Base::Context { name } => format!("context {name}"),
        };
        Self { steps, base_layers: state.layers.len(), base, ..Self::default() }
    }

    /// The places whose latest record a later build may want to compare itself with: the same instruction in
    /// the same stage; an instruction of this kind on the same tree; the same step of the same file, for a RUN
    /// also with the same platform.
    pub fn places(&self, session: &Session, stage: &Stage, key: &Key) -> Vec<Digest> {
        let name = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
        let operation = key.operation();
        let place = |parts: &[&str]| Digest::of(parts.join("\0").as_bytes());
        let number = self.step.to_string();
        let position = ["position", session.context_name(), &stage.dockerfile, &name, operation, &number];
        let mut places = vec![place(&["instruction", &name, operation, &self.text]), place(&position)];
        places.extend(key.parent().map(|parent| place(&["parent", operation, parent])));
        places.extend(key.platform().map(|platform| place(&[&position[..], &[platform]].concat())));
        places
    }
}
