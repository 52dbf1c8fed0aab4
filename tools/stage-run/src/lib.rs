//! Builds the stages of a plan: runs their steps in the sandbox, or finds their results in the store, and
//! tells each step as a record as soon as it is done.
//!
//! Reads build-plan(5), writes build-record(5) and snapshots. It packs no layer and makes no image.

mod base;
pub mod bases;
mod config;
mod copy;
mod error;
mod explain;
mod golang;
mod hashed;
mod hints;
mod ignore;
mod key;
mod logs;
mod memory;
pub mod options;
mod owner;
mod progress;
mod record;
mod run;
mod scope;
mod session;
mod stage;
mod state;
mod step;
mod stop_points;
pub mod suite;
mod tree;
mod words;
mod workdir;

pub use logs::logs;
pub use options::{Fetch, NamedContext, Options, Place};

use hashed::Hashed;
use libcli::{Exit, Failure};
use libstore::Store;
use libwire::plan::{Base, Instruction, Op, Source, Stage};
use libwire::record::BuildRecord;
use libwire::{Digest, WireError, Writer};
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
    let epoch = options.epoch.or_else(|| plan.stages.first().and_then(|stage| stage.epoch));
    let options = &Options { epoch, ..options.clone() };
    if let Some(part) = &options.part {
        plan.hold(options.stage.as_deref().unwrap_or_default(), part)?;
    }
    let mut session = Session::new(options, store, &plan)?;
    let wanted = wanted(&plan, session.asked, session.stages.elsewhere());
    // Nothing can be made of what was not done.
    let requires = if options.dry_run { vec!["dry_run".to_owned()] } else { Vec::new() };
    let mut writer = Writer::<_, BuildRecord>::requiring(output, requires, BTreeMap::new())?;
    let shared = |error| Failure::failed("--build-dir", error);
    for stage in wanted {
        session.stages.begin(stage.index).map_err(shared)?;
        let built = stage::build(&session, stage, &mut |record| {
            writer.write(&record)?;
            Ok(writer.flush()?)
        });
        let until = options.until.filter(|_| session.stops_in(stage));
        let done = built.and_then(|state| session.stages.done(stage.index, until, state).map_err(shared));
        if let Err(failure) = done {
            session.stages.failed(stage.index);
            return Err(if options.driver { brief(options, stage, failure) } else { failure });
        }
    }
    Ok(writer.finish()?)
}

/// Under a driver, which says what failed first, a stage that was ended says no more than that.
fn brief(options: &Options, stage: &Stage, failure: Failure) -> Failure {
    const ENDING: [u8; 3] = [129, 130, 143];
    match failure.exit() {
        Exit::Stopped => {}
        Exit::Status(status) if ENDING.contains(&status) => {}
        _ => return failure,
    }
    progress::note(options.progress, stage.index, "stopped");
    Failure::new(failure.exit(), "", "")
}

/// A plan, and the digest of its bytes.
struct Plan {
    stages: Vec<Stage>,
    digest: Digest,
}

fn read_plan(input: impl BufRead) -> Result<Plan, Failure> {
    // A driver's user gave it no standard input, but perhaps a df-parse of their own.
    let own = libcli::speaker("stage-run") == "stage-run";
    let place = if own { "standard input" } else { "the plan" };
    let mut input = Hashed::new(input);
    let stages = libwire::plan::read(&mut input).map_err(|error| match error {
        WireError::Io(error) => Failure::failed(place, error),
        other => Failure::bad_input(place, other),
    })?;
    Ok(Plan { stages, digest: input.digest() })
}

impl Plan {
    /// Refuses a stage that is not what the plan's summary says: a driver packs and names what the summary tells it to.
    fn hold(&self, called: &str, part: &str) -> Result<(), Failure> {
        let missing = |_| {
            Failure::bad_input(
                "the plan",
                format!("it has no stage {called}, which the summary of df-parse names"),
            )
        };
        let own = self.stage(called).map_err(missing)?.part();
        match own == part {
            true => Ok(()),
            false => {
                let what = format!(
                    "stage {called} is {own} there, and {part} in the summary of df-parse; they have to agree"
                );
                Err(Failure::bad_input("the plan", what))
            }
        }
    }

    /// The stage that is called so, by index or name; the later one if two are.
    fn stage(&self, called: &str) -> Result<&Stage, Failure> {
        let asked = |stage: &&Stage| {
            stage.index.to_string() == called
                || stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(called))
        };
        let found = self.stages.iter().rfind(asked);
        found.ok_or_else(|| Failure::usage(format!("--stage {called}: the plan has no such stage")))
    }
}

/// The stages to build here, in the plan's order: all, or the one `asked` for, and with it those it needs if
/// nobody else builds them.
fn wanted(plan: &Plan, asked: Option<usize>, elsewhere: bool) -> Vec<&Stage> {
    let Some(asked) = asked else { return plan.stages.iter().collect() };
    let mut needed = vec![asked];
    for earlier in plan.stages.iter().rev().filter(|_| !elsewhere) {
        if needed.contains(&earlier.index) {
            needed.extend(uses(earlier));
        }
    }
    plan.stages.iter().filter(|stage| needed.contains(&stage.index)).collect()
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
