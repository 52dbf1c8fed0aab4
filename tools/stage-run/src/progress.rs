//! Shows a stage's progress to the user: by records for the view of the build, or else on standard error, where a line
//! begins with the name of its stage, or with its index if it has none.

use crate::options::Options;
use libcli::{sanitise, say, tell};
use libwire::plan::Stage;
use libwire::record::{Cache, Why};
use libwire::{Progress, Span};

/// The stage's name, or its index if it has none.
pub fn label(index: usize, name: Option<&str>) -> String {
    name.map_or_else(|| index.to_string(), sanitise)
}

fn label_of(stage: &Stage) -> String {
    label(stage.index, stage.name.as_deref())
}

/// Says that a stage begins.
pub fn stage(shown: bool, stage: &Stage) {
    let Stage { index, name, text, .. } = stage;
    let record = || Progress::Stage { stage: *index, name: name.clone(), text: sanitise(text) };
    if shown && !tell(&record()) {
        say_of(stage, text);
    }
}

/// Says that a stage's base is there.
pub fn base(shown: bool, stage: &Stage, steps: usize) {
    if shown {
        tell(&Progress::Base { stage: stage.index, steps });
    }
}

/// Says that a step begins.
pub fn step(shown: bool, stage: &Stage, step: usize, steps: usize, text: &str) {
    let record = || Progress::Step { stage: stage.index, step, steps, text: sanitise(text) };
    if shown && !tell(&record()) {
        say_of(stage, &format!("[{step}/{steps}] {text}"));
    }
}

/// Says that a step is done, if somebody shows steps; else only that it was found.
pub fn done(shown: bool, stage: &Stage, step: usize, cache: Cache, duration_ms: u64, bytes: Option<u64>) {
    let record = || Progress::Done { stage: stage.index, step, cache, duration_ms, bytes };
    if shown && !tell(&record()) && cache == Cache::Hit {
        say_of(stage, "CACHED");
    }
}

/// Says which step failed, if somebody shows steps. The message says it too.
pub fn failed(shown: bool, stage: &Stage, step: Option<usize>, span: Span) {
    if shown {
        tell(&Progress::Failed { stage: stage.index, step, duration_ms: span.duration_ms });
    }
}

/// Says that a stage waits for the one that it `needs`, if somebody shows stages. `false`: nobody does.
pub fn wait(stage: usize, needs: usize) -> bool {
    tell(&Progress::Wait { stage, needs })
}

/// Says one thing about the step.
pub fn note(shown: bool, stage: &Stage, text: &str) {
    if shown {
        note_of(stage.index, &label_of(stage), text);
    }
}

/// The same of the stage that is called `label`.
pub fn note_of(stage: usize, label: &str, text: &str) {
    let text = sanitise(text);
    if !tell(&Progress::Note { stage, text: text.clone() }) {
        say(&format!("#{label} {text}\n"));
    }
}

fn say_of(stage: &Stage, text: &str) {
    say(&format!("#{} {}\n", label_of(stage), sanitise(text)));
}

/// Says that a step has to be made, or would be, and why.
pub fn miss(options: &Options, stage: &Stage, why: Option<&Why>) {
    let begin = if options.dry_run { "would run" } else { "not cached" };
    match why {
        Some(why) => note(options.progress, stage, &format!("{begin}: {}", why.text)),
        None if options.dry_run => note(options.progress, stage, begin),
        None => {}
    }
}
