//! FROM a named context that is a directory: its files are the stage's first layer.

use crate::copy::views::{self, Source};
use crate::error::StepError;
use crate::explain::position::Here;
use crate::key::Key;
use crate::session::Session;
use crate::state::State;
use crate::step::{Made, Maker};
use crate::tree::Tree;
use libwire::plan::{self, Stage};

/// The files of the directory that is named context `name`, as a stage's first layer.
pub fn files(
    session: &Session,
    stage: &Stage,
    (state, here): (&State, &Here),
    name: &str,
) -> Result<(Made, String), StepError> {
    let tree = Tree::open(session, Some(&plan::Source::Context { name: name.to_owned() }), stage)?;
    let mut key = Key::new("files", session.options.isolation);
    key.parents(&state.parents());
    let content = views::content(session, &tree, "/")?;
    key.add("content", content.clone());
    key.epoch(session.options.epoch);
    let source = Source { tree: &tree, path: "/", content: &content };
    let made = Maker { session, stage, here, key }
        .make(&state.parents(), |new, _| views::fill(session, source, new.upper()).map(|()| None))?;
    Ok((made, format!("local source for {name}")))
}
