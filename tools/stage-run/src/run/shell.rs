//! A shell for the user in a step's environment: on a terminal, in the sandbox, on a layer that is thrown
//! away. It leaves nothing in a record or the store.

use crate::error::StepError;
use crate::position::CurrentStep;
use crate::progress;
use crate::run::ready::ReadyMounts;
use crate::run::world::{ExpandedRun, World, sandbox_directory};
use crate::session::Session;
use crate::state::State;
use libcli::Exit;
use libsandbox::{Job, Stdio};
use libwire::plan::{Op, Stage};
use std::ffi::OsString;

/// Opens a shell where `op` would be run, or after the last step. It ends the build: it gives the shell's own status
/// as an error without words.
pub fn before(step: CurrentStep, op: Option<&Op>) -> StepError {
    match open(step, op) {
        Ok(status) => StepError::quiet(Exit::Status(status)),
        Err(error) => error,
    }
}

fn open(step: CurrentStep, op: Option<&Op>) -> Result<u8, StepError> {
    let CurrentStep { session, stage, state, position } = step;
    let argv = vec![program(state)];
    let (world, mut mounts) = match op {
        Some(op @ Op::Run { .. }) => {
            let ExpandedRun { world, mounts, script } = ExpandedRun::new(step, op)?;
            (world.with(argv), ReadyMounts::new(session, mounts, script)?)
        }
        _ => (World::new(step, argv, None, None)?, ReadyMounts::none(session)),
    };
    let new = session.store.new_snapshot(&state.parents())?;
    let lowers = session.directories(&state.parents())?;
    let job = world.job(session, stage, lowers, &new, &mut mounts)?;
    let place = if op.is_some() { "before" } else { "after" };
    enter(session, stage, job, &format!("{place} step {}/{}", position.step, position.steps))
}

/// Opens a shell on what the command of `job` left when it failed, which is kept under the id `failure`. The shell does
/// not change it.
pub fn after_failure(step: CurrentStep, failure: &str, job: Job, error: &StepError) -> Result<u8, StepError> {
    let CurrentStep { session, stage, state, .. } = step;
    progress::note(true, stage, &error.to_string());
    let kept = session.store.failure(failure)?;
    let kept = kept.ok_or_else(|| StepError::failed("what it left was removed by a later failure"))?;
    let new = session.store.new_snapshot(&state.parents())?;
    let scratch = sandbox_directory(&new)?;
    let mut lowers = job.lowers;
    lowers.push(kept.fs());
    let (upper, work) = (new.upper().to_owned(), new.work().to_owned());
    let job = Job { lowers, upper, work, scratch, argv: vec![program(state).into()], ..job };
    enter(session, stage, job, "in what the step left")
}

fn enter(session: &Session, stage: &Stage, mut job: Job, place: &str) -> Result<u8, StepError> {
    take_terminal()?;
    job.stdio = Stdio::Terminal;
    if let Some(term) = &session.options.term {
        job.env.push((OsString::from("TERM"), term.clone()));
    }
    progress::note(true, stage, &format!("a shell {place}; what it changes is thrown away"));
    let _terminal = libcli::take_terminal();
    let outcome = libsandbox::run(&job, session.options.isolation, &mut |_, _| Ok(()))?;
    Ok(outcome.status)
}

/// The program of the stage's SHELL.
fn program(state: &State) -> String {
    state.shell().swap_remove(0)
}

/// Makes the terminal our standard input and output, which are pipes of the build.
fn take_terminal() -> Result<(), StepError> {
    let none = StepError::io("a shell needs a terminal, and there is none");
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(none)?;
    let failed = StepError::io("the terminal");
    rustix::stdio::dup2_stdin(&terminal).and_then(|()| rustix::stdio::dup2_stdout(&terminal)).map_err(failed)
}
