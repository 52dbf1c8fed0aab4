//! The step of a RUN: its key, and its command in the sandbox, on an overlay of the stage's snapshots.

use crate::error::{Left, StepError};
use crate::key::Key;
use crate::options::Options;
use crate::position::CurrentStep;
use crate::progress::{self, label};
use crate::run::failed::{self, Printed};
use crate::run::mounts::{self, ExpandedMount};
use crate::run::output::{Output, Shown};
use crate::run::ready::ReadyMounts;
use crate::run::world::{ExpandedRun, World};
use crate::run::{command, failure_store, shell};
use crate::session::images::platform_of;
use crate::state::State;
use crate::step::{Made, Maker};
use libsandbox::Ulimit;
use libstore::NewSnapshot;
use libwire::plan::{Op, Stage};
use libwire::span::now_ms;
use libwire::{Digest, Platform, Span};
use std::path::PathBuf;

/// Runs a RUN, or finds its result. Also gives the history entry.
pub fn run(step: CurrentStep, op: &Op) -> Result<(Made, String), StepError> {
    let CurrentStep { session, stage, state, .. } = step;
    let ExpandedRun { world, mounts, script } = ExpandedRun::new(step, op)?;
    let mut key = Key::new("run", session.options.isolation);
    key.add_parents(&state.parents());
    platforms(stage, state, &mut key)?;
    world.ingredients(&mut key);
    limits(session.options, &mut key);
    if let Some(script) = &script {
        key.add("script", script.text.clone());
    }
    mounts::ingredients(&mounts, &mut key);
    let created_by = command::created_by(state, &world.argv);
    let digest = key.digest();
    let made = Maker { step, key }.make(&state.parents(), |new, lowers| {
        mounts.iter().filter_map(ExpandedMount::tree).try_for_each(|tree| tree.require_whole(session))?;
        let mounts = ReadyMounts::new(session, mounts, script)?;
        execute(step, digest, &world, new, lowers, mounts)
    })?;
    Ok((made, created_by))
}

/// The platform that the command runs for, and the machine that it runs on. A base may be for another platform than the
/// stage: then both count.
fn platforms(stage: &Stage, state: &State, key: &mut Key) -> Result<(), StepError> {
    let base = Platform::of_config(&state.config).normalised().to_string();
    let asked = platform_of(&stage.platform)?.to_string();
    key.add_platform(if asked == base { asked } else { format!("{asked} on {base}") });
    // As the command sees it: in a 32-bit personality, a build is one on another machine.
    key.add("machine", rustix::system::uname().machine().to_string_lossy());
    Ok(())
}

/// The build's options that a command can see and depend on. The addresses of added hosts are left out:
/// they differ between machines that build the same.
fn limits(options: &Options, key: &mut Key) {
    key.add("shm", options.shm_size.to_string());
    for Ulimit { name, soft, hard } in &options.ulimits {
        key.add(format!("ulimit {name}"), format!("{soft}:{hard}"));
    }
    if options.no_new_privileges {
        key.add("privileges", "no new");
    }
    for (name, _) in &options.add_hosts {
        key.add("host", name.clone());
    }
}

/// Runs the command on top of `lowers`, into `new`. Gives the path of its log. `key` is the step's, under which a
/// failure is kept.
fn execute(
    step: CurrentStep,
    key: Digest,
    world: &World,
    new: &NewSnapshot,
    lowers: Vec<PathBuf>,
    mut mounts: ReadyMounts,
) -> Result<Option<String>, StepError> {
    let CurrentStep { session, stage, position, .. } = step;
    let options = session.options;
    let (file, log) = session.store.new_log(new.id())?;
    let job = world.job(session, stage, lowers, new, &mut mounts)?;
    let shown = options.progress.then(|| Shown {
        stage: stage.index,
        label: label(stage.index, stage.name.as_deref()),
        step: position.step,
        steps: position.steps,
    });
    let mut output = Output::new(file, shown).keeping(options.log_max);
    let started = now_ms();
    let outcome = libsandbox::run(&job, options.isolation, &mut |_, bytes| {
        output.write(bytes);
        Ok(())
    });
    if output.clipped() > 0 {
        let what = format!(
            "{} bytes of what RUN printed are not in its log; --log-max keeps more",
            output.clipped()
        );
        progress::note(options.progress, stage, &what);
    }
    let (last, lost) = output.finish();
    let span = Span::since(started);
    // Only mount points are in it.
    let _ = libtree::remove::remove_path(&job.scratch);
    let outcome = outcome?;
    let printed = Printed { last, log: session.store.path().join(&log), lost };
    // A limit is in no key, so no result may depend on it.
    if outcome.status == 0 && !outcome.out_of_memory {
        return printed.whole().map(|()| Some(log));
    }
    let error = failed::error(session, world, &job, outcome, &printed);
    let kept = failure_store::keep(step, key, &log, new, &job, &mounts);
    let id = kept.is_ok().then(|| new.id().to_owned());
    let error = error.leaving(Left { status: outcome.status, log, id });
    let enter = match kept {
        Ok(enter) => enter,
        // On a full disk the command's own words count.
        Err(why) => return Err(error.and_detail(&format!("       what it left can't be kept: {why}\n"))),
    };
    if options.shell_on_fail {
        progress::failed(options.progress, stage, Some(position.step), span);
    }
    if options.shell_on_fail
        && let Err(why) = shell::after_failure(step, new.id(), job, &error)
    {
        libcli::warn(&libcli::speaker("stage-run"), &why.to_string());
    }
    Err(error.and_detail(&format!("       enter what it left: {enter}\n")))
}
