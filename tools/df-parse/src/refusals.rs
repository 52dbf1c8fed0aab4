//! Refuses stages with words that are invalid for any value of their variables, such as `${A`, before anything is
//! built.

use crate::bases::Bases;
use crate::expanded::{self, bodies};
use crate::impossible;
use crate::known_state::KnownState;
use libdockerfile::ParseError;
use libdockerfile::dockerfile::Dockerfile;
use libdockerfile::expand::{ExpandError, Expander};
use libdockerfile::hints;
use libwire::plan::{Heredoc, Instruction, Op, Stage};

/// Checks the words of the stages that are `wanted`.
pub(crate) fn check(
    file: &Dockerfile,
    stages: &[Stage],
    bases: &Bases,
    wanted: impl Fn(usize) -> bool,
) -> Result<(), ParseError> {
    let expander = file.expander();
    let mut ends = Vec::new();
    for stage in stages {
        let mut known = KnownState::start(stage, &ends, bases);
        for instruction in &stage.instructions {
            if wanted(stage.index) {
                let checked = constant(&expander, stage, instruction, &known)
                    .and_then(|()| expandable(&expander, stage, &instruction.op));
                checked.map_err(|error| error.at(instruction.line, instruction.line_end))?;
            }
            known.step(&instruction.op, |word| expanded::constant(&expander, word));
        }
        let triggers = stage.instructions.iter().any(|inner| matches!(inner.op, Op::Onbuild { .. }));
        ends.push((known, triggers));
    }
    Ok(())
}

fn expandable(expander: &Expander, stage: &Stage, op: &Op) -> Result<(), ParseError> {
    let words = expanded::words(op, stage).into_iter().map(|word| try_word(expander, word));
    let refused = words.chain(bodies(op).map(|heredoc| try_body(expander, heredoc))).find_map(Result::err);
    refused.map_or(Ok(()), |error| Err(ParseError::from(&error)))
}

fn constant(
    expander: &Expander,
    stage: &Stage,
    instruction: &Instruction,
    known: &KnownState,
) -> Result<(), ParseError> {
    let checked = impossible::check(expander, stage, &instruction.op, known);
    checked.map_err(|error| match hints::comment(&instruction.text) {
        Some(hint) if !matches!(instruction.op, Op::Run { .. }) => error.with_hint(&hint),
        _ => error,
    })
}

fn try_word(expander: &Expander, word: &str) -> Result<(), ExpandError> {
    match word.contains(['$', '\'', '"']) {
        true => expander.word(word, &expanded::some_value).map(drop),
        false => Ok(()),
    }
}

fn try_body(expander: &Expander, heredoc: &Heredoc) -> Result<(), ExpandError> {
    let tried = expander.heredoc_body(&heredoc.body, &expanded::some_value);
    tried.map(drop).map_err(|error| ExpandError { word: format!("<<{}", heredoc.name), ..error })
}
