//! Prints the output of RUNs from when they ran. Logs are found through the cache, as a build would find the results,
//! and the log of the last failed RUN through what it left behind. Nothing is run.

use crate::options::{Options, Place};
use crate::plan::Plan;
use crate::session::Session;
use crate::stage;
use libcli::{Failure, sanitise};
use libstore::Store;
use libwire::plan::Stage;
use libwire::record::{Cache, Record, Step};
use std::io::{self, BufRead, Write};
use std::path::Path;

/// Writes the logs of a plan's steps to `output`, each under a line with its step. With a `place`, writes the bare
/// log of that step of the stage asked for, or of the target. Options have to say that it is a dry run.
pub fn logs<W: Write>(
    input: impl BufRead,
    store: Store,
    options: &Options,
    place: Place,
    mut output: W,
) -> Result<W, Failure> {
    let plan = Plan::read(input)?;
    // It takes nothing from a build that runs, and leaves nothing to one.
    let options = &Options { build_dir: None, ..options.clone() };
    let mut session = Session::new(options, store, &plan)?;
    let root = session.store.path().to_owned();
    let mut found = false;
    for stage in plan.wanted(session.asked, false) {
        let stops = session.has_stop_points(stage);
        let state = stage::build(&session, stage, &mut |record| {
            let Record::Step(step) = record else { return Ok(()) };
            if place == Place::End {
                return headed(&root, &step, &mut output);
            }
            if stops && is_at(stage, &step, place) {
                found = true;
                return bare(&root, &step, &mut output);
            }
            Ok(())
        })?;
        session.stages.done(stage.index, None, state).map_err(|error| Failure::failed("", error))?;
    }
    match found || place == Place::End {
        true => Ok(output),
        false => Err(Failure::usage("--logs: the stage has no such step")),
    }
}

fn is_at(stage: &Stage, step: &Step, place: Place) -> bool {
    match place {
        Place::End => true,
        Place::Step(number) => step.step == number,
        Place::Line(line) => {
            let mut own = stage.instructions.iter();
            own.any(|one| one.line == step.line && (one.line..=one.line_end).contains(&line))
        }
    }
}

fn headed(root: &Path, step: &Step, output: &mut impl Write) -> Result<(), Failure> {
    let Some(log) = &step.log else { return Ok(()) };
    let failed = if step.cache == Cache::Miss { " (failed)" } else { "" };
    let text = sanitise(&step.text);
    writeln!(output, "#{} [{}/{}] {text}{failed}", step.id.stage, step.step, step.steps)?;
    let text = read(root, log)?;
    output.write_all(&text)?;
    if text.last().is_some_and(|&byte| byte != b'\n') {
        writeln!(output)?;
    }
    Ok(())
}

fn bare(root: &Path, step: &Step, output: &mut impl Write) -> Result<(), Failure> {
    let place = format!("{}:{}", step.dockerfile, step.line);
    match &step.log {
        Some(log) => Ok(output.write_all(&read(root, log)?)?),
        None if step.op != "run" => Err(Failure::failed(place, "only a RUN has a log")),
        None => Err(Failure::failed(place, "the step was not run as it would be run now; build it first")),
    }
}

fn read(root: &Path, log: &str) -> Result<Vec<u8>, Failure> {
    let path = root.join(log);
    std::fs::read(&path).map_err(|error: io::Error| Failure::failed(path.display().to_string(), error))
}
