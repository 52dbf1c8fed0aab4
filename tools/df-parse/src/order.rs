//! Dependencies between stages: those the target needs, and references to stages that come too late.

use crate::bases::Bases;
use libdockerfile::ParseError;
use libwire::plan::{Base, Op, Source, Stage};
use std::collections::BTreeSet;

/// Adds the stages that each stage uses. This includes triggers of the stage it is built on, and of its image, if
/// known.
pub(crate) fn add_needs(stages: &mut [Stage], bases: &Bases) -> Result<(), ParseError> {
    for index in 0..stages.len() {
        let stage = &stages[index];
        let mut needs: BTreeSet<usize> =
            stage.instructions.iter().flat_map(|inner| sources(&inner.op)).collect();
        if let Base::Stage { index: base } = stage.base {
            needs.insert(base);
            for inner in &stages[base].instructions {
                let Op::Onbuild { trigger, .. } = &inner.op else { continue };
                let run = libdockerfile::trigger::parse(trigger, &stage.stages, &stage.contexts);
                let run = run.map_err(|error| error.at(inner.line, inner.line_end))?;
                needs.extend(sources(&run.op));
            }
        }
        if let (Base::Image { .. }, Some(image)) = (&stage.base, bases.get(&index)) {
            // An error in a trigger is reported by its step.
            let runs = image.triggers.iter().filter_map(|trigger| {
                libdockerfile::trigger::parse(trigger, &stage.stages, &stage.contexts).ok()
            });
            needs.extend(runs.flat_map(|run| sources(&run.op)).filter(|&need| need < index));
        }
        stages[index].needs = needs.into_iter().collect();
    }
    Ok(())
}

/// The stages an instruction uses.
fn sources(op: &Op) -> Vec<usize> {
    let stage = |source: &Option<Source>| match source {
        Some(Source::Stage { index }) => Some(*index),
        _ => None,
    };
    match op {
        Op::Copy(copy) | Op::Add(copy) => stage(&copy.from).into_iter().collect(),
        Op::Run { mounts, .. } => mounts.iter().filter_map(|mount| stage(&mount.from)).collect(),
        _ => Vec::new(),
    }
}

/// The target and all stages that it uses, by index.
pub(crate) fn needed(stages: &[Stage], target: usize) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut todo = vec![target];
    while let Some(index) = todo.pop() {
        if needed.insert(index) {
            todo.extend(&stages[index].needs);
        }
    }
    needed
}

/// Refuses a stage that uses itself, directly or not. Refuses a needed stage that uses a later one, at the
/// instruction that does.
pub(crate) fn check(stages: &[Stage], needed: &BTreeSet<usize>) -> Result<(), ParseError> {
    for stage in stages {
        let Some(&late) = stage.needs.iter().find(|&&need| need >= stage.index) else { continue };
        let round = self::needed(stages, late).contains(&stage.index);
        if round || needed.contains(&stage.index) {
            return Err(too_late(stages, stage, late, round));
        }
    }
    Ok(())
}

fn too_late(stages: &[Stage], stage: &Stage, late: usize, round: bool) -> ParseError {
    let label = |index: usize| stages[index].name.clone().unwrap_or_else(|| index.to_string());
    let culprit = stage.instructions.iter().find(|inner| sources(&inner.op).contains(&late));
    let (line, line_end) = culprit.map_or((stage.line, stage.line_end), |inner| (inner.line, inner.line_end));
    let (late, own) = (label(late), label(stage.index));
    let what = match culprit.map(|inner| &inner.op) {
        _ if round => format!("circular dependency detected on stage: {own}"),
        Some(Op::Run { .. }) => {
            format!("cannot mount from stage {late:?}, it needs to be defined before current stage {own:?}")
        }
        _ => format!("cannot copy from stage {late:?}, it needs to be defined before current stage {own:?}"),
    };
    ParseError::new(what).token(late).at(line, line_end)
}
