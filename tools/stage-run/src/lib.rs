//! Builds the stages of a plan: runs their steps in the sandbox, or finds their results in the store, and
//! tells each step as a record as soon as it is done.
//!
//! Reads build-plan(5), writes build-record(5) and snapshots. It packs no layer and makes no image.

mod base;
pub mod bases;
mod cache;
mod checkouts;
mod command;
mod config;
mod contexts;
mod copied;
mod copy;
mod deferred;
mod differences;
mod downloads;
mod error;
mod fetched;
mod golang;
mod here;
mod hints;
mod ignore;
mod kept;
mod logs;
mod missing;
mod mounts;
pub mod options;
mod owner;
mod prepare;
mod progress;
mod remembered;
mod run;
mod scope;
mod scratch;
pub mod secret;
mod seen;
mod session;
mod shell;
mod stage;
mod state;
mod step;
mod stops;
mod told;
mod tree;
mod waits;
mod why;
mod words;
mod workdir;

pub use logs::logs;
pub use options::{NamedContext, Options, Place, SecretSource};

use libcli::Failure;
use libstore::Store;
use libwire::plan::{Base, BuildPlan, Instruction, Op, PlanRecord, Source, Stage};
use libwire::record::BuildRecord;
use libwire::{Reader, WireError, Writer};
use session::Session;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};

/// Builds what `options` selects of the plan in `input`, all of it by default, and writes the records to
/// `output`, each flushed when it is done. Call it after `libsandbox::enter`, with one thread.
pub fn build<W: Write>(
    input: impl BufRead,
    store: Store,
    options: &Options,
    output: W,
) -> Result<W, Failure> {
    let plan = read_plan(input)?;
    let epoch = options.epoch.or_else(|| plan.first().and_then(|stage| stage.epoch));
    let options = &Options { epoch, ..options.clone() };
    let mut session = Session::new(options, store);
    session.planned = plan.iter().map(|stage| stage.index).collect();
    session.last = plan.last().filter(|stage| stage.target).map(|stage| stage.index);
    let wanted = wanted(&plan, options.stage.as_deref(), session.stages.elsewhere())?;
    // Nothing can be made of what was not done.
    let requires = if options.dry_run { vec!["dry_run".to_owned()] } else { Vec::new() };
    let mut writer = Writer::<_, BuildRecord>::requiring(output, requires, BTreeMap::new())?;
    for stage in wanted {
        let built = stage::build(&session, stage, &mut |record| {
            writer.write(&record)?;
            Ok(writer.flush()?)
        });
        match built {
            Ok(state) => session
                .stages
                .done(stage.index, state)
                .map_err(|error| Failure::failed("--build-dir", error))?,
            Err(failure) => {
                session.stages.failed(stage.index);
                return Err(failure);
            }
        }
    }
    Ok(writer.finish()?)
}

fn read_plan(input: impl BufRead) -> Result<Vec<Stage>, Failure> {
    let records = Reader::<_, BuildPlan>::new(input).read_all().map_err(|error| match error {
        WireError::Io(error) => Failure::failed("standard input", error),
        other => Failure::bad_input("", other),
    })?;
    Ok(records.into_iter().map(|PlanRecord::Stage(stage)| *stage).collect())
}

/// The stages to build here, in the plan's order: all, or the one asked for, and with it those it needs if
/// nobody else builds them.
fn wanted<'a>(plan: &'a [Stage], select: Option<&str>, elsewhere: bool) -> Result<Vec<&'a Stage>, Failure> {
    let Some(select) = select else { return Ok(plan.iter().collect()) };
    let asked = |stage: &&Stage| {
        stage.index.to_string() == select
            || stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(select))
    };
    // A name given twice means the later stage.
    let stage = plan
        .iter()
        .rfind(asked)
        .ok_or_else(|| Failure::usage(format!("--stage {select}: the plan has no such stage")))?;
    if elsewhere {
        return Ok(vec![stage]);
    }
    let mut needed = vec![stage.index];
    for earlier in plan.iter().rev() {
        if needed.contains(&earlier.index) {
            needed.extend(uses(earlier));
        }
    }
    Ok(plan.iter().filter(|stage| needed.contains(&stage.index)).collect())
}

/// Every stage that `stage` uses.
fn uses(stage: &Stage) -> Vec<usize> {
    let mut uses = stage.needs.clone();
    if let Base::Stage { index } = stage.base {
        uses.push(index);
    }
    uses.extend(stage.instructions.iter().flat_map(named));
    uses
}

/// The stages that `instruction` names.
fn named(instruction: &Instruction) -> Vec<usize> {
    let index = |source: &Option<Source>| match source {
        Some(Source::Stage { index }) => Some(*index),
        _ => None,
    };
    match &instruction.op {
        Op::Copy(copy) | Op::Add(copy) => index(&copy.from).into_iter().collect(),
        Op::Run { mounts, .. } => mounts.iter().filter_map(|mount| index(&mount.from)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
