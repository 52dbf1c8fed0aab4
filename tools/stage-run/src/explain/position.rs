//! Where a build is in its stage: what an explanation of the next step needs to know. It decides nothing.

use crate::key::Key;
use crate::plan::stage_name;
use crate::session::Session;
use crate::state::State;
use libwire::Digest;
use libwire::plan::{Base, Stage};

/// The step that is to be made, and what is below it.
#[derive(Clone, Debug, Default)]
pub struct Position {
    /// Its number, from 1.
    pub step: usize,
    /// How many there are.
    pub steps: usize,
    /// The instruction.
    pub text: String,
    /// Names of the ARGs so far: the other variables are the environment's.
    pub args: Vec<String>,
    /// Steps of this stage that were run, and their snapshots.
    pub ran: Vec<(usize, String)>,
    /// How many layers the stage began with, and what it began with in words.
    pub base: (usize, String),
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
        Self { steps, base: (state.layers.len(), base), ..Self::default() }
    }

    /// The places whose latest record a later build may want to compare itself with: the same instruction in
    /// the same stage, an instruction of this kind on the same tree, and the same step of the same file, of a RUN
    /// also for the same platform.
    pub fn places(&self, session: &Session, stage: &Stage, key: &Key) -> Vec<Digest> {
        let name = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
        let operation = key.get("operation").unwrap_or_default();
        let place = |parts: &[&str]| Digest::of(parts.join("\0").as_bytes());
        let number = self.step.to_string();
        let position = ["position", session.context_name(), &stage.dockerfile, &name, operation, &number];
        let mut places = vec![place(&["instruction", &name, operation, &self.text]), place(&position)];
        places.extend(key.get("parent").map(|parent| place(&["parent", operation, parent])));
        places.extend(key.get("platform").map(|platform| place(&[&position[..], &[platform]].concat())));
        places
    }
}
