//! FROM a named context that is a directory: its files are the stage's first layer.

use crate::copy::views::TreePath;
use crate::error::StepError;
use crate::key::Key;
use crate::position::CurrentStep;
use crate::step::{Made, Maker};
use crate::tree::Tree;
use libwire::plan::Source;

/// Makes or finds the layer with the files of the directory that is named context `name`. Also gives the history entry.
pub fn files(step: CurrentStep, name: &str) -> Result<(Made, String), StepError> {
    let CurrentStep { session, stage, state, .. } = step;
    let tree = Tree::open(session, Some(&Source::Context { name: name.to_owned() }), stage)?;
    let mut key = Key::new("files", session.options.isolation);
    key.add_parents(&state.parents());
    let files = TreePath::read(session, tree, "/".to_owned())?;
    key.add("content", files.content.clone());
    key.add_epoch(session.options.epoch);
    let made = Maker { step, key }
        .make(&state.parents(), |new, _| files.fill(session, new.upper()).map(|()| None))?;
    Ok((made, format!("local source for {name}")))
}
