//! Builds the stages of a plan: runs their steps in the sandbox, or finds their results in the store, and
//! writes the record of each step as soon as it is done.
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
pub mod lock;
mod logs;
mod memory;
pub mod options;
mod owner;
mod paths;
mod plan;
mod position;
mod progress;
mod record;
mod run;
mod scope;
mod session;
mod sources;
mod stage;
mod state;
mod step;
mod stop_points;
pub mod suite;
mod tree;
mod words;
mod workdir;

pub use logs::logs;
pub use options::{Fetch, NamedContext, Options, Place, Policy};
pub use sources::look_up;

use error::{StepError, was_stopped};
use libcli::Failure;
use libstore::Store;
use libwire::Writer;
use libwire::plan::Stage;
use libwire::record::BuildRecord;
use plan::Plan;
use session::Session;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};

/// Builds the stages of the plan in `input` that `options` selects, all by default, and writes the records to
/// `output`. Each is flushed when it is done. Call it after `libsandbox::enter`, with one thread.
pub fn build<W: Write>(
    input: impl BufRead,
    store: Store,
    options: &Options,
    output: W,
) -> Result<W, Failure> {
    let mut plan = Plan::read(input)?;
    // A build with another lock is another build.
    plan.digest = options.lock.digest(plan.digest);
    let epoch = options.epoch.or_else(|| plan.stages.first().and_then(|stage| stage.epoch));
    let options = &Options { epoch, ..options.clone() };
    if let Some(part) = &options.part {
        plan.check_part(options.stage.as_deref().unwrap_or_default(), part)?;
    }
    let mut session = Session::new(options, store, &plan)?;
    let wanted = plan.wanted(session.asked, session.stages.elsewhere());
    // The records of a dry run are of no use to a packer.
    let requires = if options.dry_run { vec!["dry_run".to_owned()] } else { Vec::new() };
    let mut header = BTreeMap::new();
    options.packing.tell(&mut header);
    let mut writer = Writer::<_, BuildRecord>::requiring(output, requires, header)?;
    let shared = |error| Failure::failed("--build-dir", error);
    for stage in wanted {
        session.stages.begin(stage.index).map_err(shared)?;
        let built = stage::build(&session, stage, &mut |record| {
            writer.write(&record)?;
            Ok(writer.flush()?)
        });
        let until = options.until.filter(|_| session.has_stop_points(stage));
        let done = built.and_then(|state| {
            // Who uses this stage knows nothing of its base.
            if plan.is_used(stage.index) {
                session.images.complete(&state.parents()).map_err(StepError::into_failure)?;
            }
            session.stages.done(stage.index, until, state).map_err(shared)
        });
        if let Err(failure) = done {
            session.stages.failed(stage.index);
            return Err(if options.driver { brief(options, stage, failure) } else { failure });
        }
    }
    Ok(writer.finish()?)
}

/// The failure in brief, for a driver, which says itself what failed first: a stage that was stopped says no more.
fn brief(options: &Options, stage: &Stage, failure: Failure) -> Failure {
    if !was_stopped(&failure) {
        return failure;
    }
    progress::note(options.progress, stage, "stopped");
    Failure::new(failure.exit(), "", "")
}

#[cfg(test)]
mod tests;
