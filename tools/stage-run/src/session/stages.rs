//! The stages done so far, in this process or others. It waits for a stage that another process builds, and gives up
//! when nobody does.

use crate::error::StepError;
use crate::progress;
use crate::session::build_dir::{BuildDir, Found};
use crate::state::State;
use libwire::record::Wait;
use libwire::span::now_ms;
use libwire::{Digest, Span};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

/// The longest time between two looks at the build directory. Stages take seconds.
const PAUSE: Duration = Duration::from_millis(15);
/// The time between the first looks: a cached stage takes milliseconds.
const LEAST_PAUSE: Duration = Duration::from_millis(1);
/// How long a result of another build may lie there: the process that makes the right one perhaps begins at this
/// moment.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait for a stage that nobody builds, if a driver starts each one after those it needs: after that time
/// its stage-run has ended without a result.
const DRIVEN: Duration = Duration::from_secs(5);

/// The age from which this process takes a result that is older than itself. If stages begin at once, each has removed
/// its earlier result by then.
const SETTLED: Duration = Duration::from_millis(200);

/// The shortest wait of which the user is told.
const MOMENT: Duration = Duration::from_millis(200);

/// How to wait for stages that other processes build.
#[derive(Clone, Copy, Debug)]
pub struct WaitRules {
    /// A driver starts every stage in a new directory, and ends them all when one fails.
    pub driver: bool,
    /// How long to wait for a stage that nobody builds.
    pub patience: Duration,
    /// Whether to tell the user of a wait.
    pub shown: bool,
}

/// The stages done so far.
#[derive(Debug, Default)]
pub struct Stages {
    done: RefCell<BTreeMap<usize, Done>>,
    /// The stages that the current one has used.
    used: RefCell<Used>,
    shared: Option<Shared>,
    /// Names of the plan's stages.
    names: BTreeMap<usize, Option<String>>,
    waits: RefCell<Vec<Wait>>,
    /// Stages that were waited for in vain: once is enough.
    given_up: RefCell<BTreeSet<usize>>,
}

/// Stages, and the digest of each one's state when it was used.
type Used = BTreeMap<usize, Digest>;

#[derive(Debug)]
struct Done {
    state: State,
    used: Used,
}

#[derive(Debug)]
struct Shared {
    build_dir: BuildDir,
    rules: WaitRules,
    began: Instant,
    /// The stage that is being built here, and its lock.
    current: Option<(usize, File)>,
}

impl Stages {
    /// The stages of a plan, all built by this process. `names` has every stage of the plan.
    pub fn new(names: BTreeMap<usize, Option<String>>) -> Self {
        Self { names, ..Self::default() }
    }

    /// The same where other processes leave results in a build directory.
    #[must_use]
    pub fn shared(self, build_dir: BuildDir, rules: WaitRules) -> Self {
        Self { shared: Some(Shared { build_dir, rules, began: Instant::now(), current: None }), ..self }
    }

    /// Whether stages are built elsewhere too.
    pub fn elsewhere(&self) -> bool {
        self.shared.is_some()
    }

    /// Whether the plan has stage `index`.
    pub fn planned(&self, index: usize) -> bool {
        self.names.contains_key(&index)
    }

    /// Begins stage `index`. If another process builds it, waits for the end of that.
    pub fn begin(&mut self, index: usize) -> io::Result<()> {
        let (name, label) = (self.name(index), self.label(index));
        self.used.take();
        let Some(shared) = &mut self.shared else { return Ok(()) };
        let mut notice = WaitNotice::new(&shared.rules);
        let lock = loop {
            if let Some(lock) = shared.build_dir.begin(index)? {
                break lock;
            }
            let dir = shared.build_dir.dir().display();
            notice.say(index, &label, || format!("waits: another stage-run builds {name} in {dir}"));
            std::thread::sleep(PAUSE);
        };
        shared.current = Some((index, lock));
        Ok(())
    }

    /// Notes that stage `index` is done, all of it or `until` a step.
    pub fn done(&mut self, index: usize, until: Option<usize>, state: State) -> io::Result<()> {
        let used = self.used.take();
        if let Some(shared) = &mut self.shared {
            shared.check_unchanged(&used)?;
            shared.build_dir.done(index, until, &used, &state)?;
            shared.current = None;
        }
        self.done.borrow_mut().insert(index, Done { state, used });
        Ok(())
    }

    /// Notes that stage `index` failed.
    pub fn failed(&mut self, index: usize) {
        if let Some(shared) = &mut self.shared {
            // A driver ends the waiting processes in any case; this only makes it sooner.
            let _ = shared.build_dir.failed(index);
            shared.current = None;
        }
    }

    /// The state of stage `index`, waited for if it is built elsewhere.
    pub fn get(&self, index: usize) -> Result<State, StepError> {
        if !self.done.borrow().contains_key(&index) {
            let shared =
                self.shared.as_ref().filter(|_| self.planned(index)).ok_or_else(|| {
                    StepError::input(format!("the plan has no stage {index} before this one"))
                })?;
            let started = now_ms();
            let again = self.given_up.borrow().contains(&index);
            let own = self.label(shared.current.as_ref().map_or(index, |(own, _)| *own));
            let (found, waited) = shared.wait(index, &self.name(index), &own, again);
            if waited && !again {
                self.waits.borrow_mut().push(Wait { stage: index, span: Span::since(started) });
            }
            if found.is_err() {
                self.given_up.borrow_mut().insert(index);
            }
            self.done.borrow_mut().insert(index, found?);
        }
        let done = self.done.borrow();
        let found = &done[&index];
        if self.shared.is_some() && !self.used.borrow().contains_key(&index) {
            let mut used = self.used.borrow_mut();
            used.extend(&found.used);
            used.insert(index, found.state.digest());
        }
        Ok(found.state.clone())
    }

    /// The waits since the last call.
    pub fn take_waits(&self) -> Vec<Wait> {
        self.waits.take()
    }

    fn label(&self, index: usize) -> String {
        progress::label(index, self.names.get(&index).and_then(Option::as_deref))
    }

    fn name(&self, index: usize) -> String {
        match self.names.get(&index) {
            Some(Some(name)) => format!("stage {index} ({name})"),
            _ => format!("stage {index}"),
        }
    }
}

impl Shared {
    /// The state of a stage that another process builds, and whether there was a wait for it, by the stage `own_label`.
    /// `again`: it was waited for before, in vain.
    fn wait(
        &self,
        index: usize,
        name: &str,
        own_label: &str,
        again: bool,
    ) -> (Result<Done, StepError>, bool) {
        let WaitRules { driver, .. } = self.rules;
        let asked = if driver { DRIVEN } else { self.rules.patience };
        let patience = if again { Duration::ZERO } else { asked };
        let (mut notice, mut waited, mut idle) = (WaitNotice::new(&self.rules), false, Instant::now());
        let since = Instant::now();
        let pause = || std::thread::sleep((since.elapsed() / 4).clamp(LEAST_PAUSE, PAUSE));
        // Whether a result that is there can't be an old one.
        let mut fresh = driver;
        loop {
            let trouble = match self.build_dir.look(index) {
                Err(error) => return (Err(StepError::io("--build-dir")(error)), waited),
                Ok(Found::Done(_)) if !fresh && self.began.elapsed() < SETTLED => {
                    pause();
                    continue;
                }
                Ok(Found::Done(found)) => return (Ok(Done { state: found.state, used: found.used }), waited),
                Ok(Found::Failed) => Some(format!("stage {index}, which is needed here, failed")),
                Ok(Found::Unfit(why)) => Some(why),
                Ok(Found::Nothing) => None,
            };
            let busy = self.build_dir.busy(index);
            if busy {
                idle = Instant::now();
            }
            let (give_up, lacking) = match &trouble {
                Some(_) => (fresh || !busy && idle.elapsed() >= patience.min(GRACE), false),
                None => (!busy && idle.elapsed() >= patience, true),
            };
            if give_up {
                let what = trouble.unwrap_or_else(|| {
                    let seconds = asked.as_secs();
                    if driver {
                        return format!("{name} is needed here, and its stage-run has not built it");
                    }
                    format!("{name} is needed here, and nobody has built it in {seconds} s; {}, or wait longer with --wait", self.how_to_build(index))
                });
                let failed =
                    if driver && !lacking { StepError::stopped(what) } else { StepError::failed(what) };
                return (Err(failed), waited);
            }
            fresh |= lacking;
            let own = self.current.as_ref().map_or(index, |(own, _)| *own);
            notice.tell(own, index);
            notice.say(own, own_label, || match busy || driver {
                true => format!("waits for {name}"),
                false => format!("waits for {name}, which nobody builds yet; {}", self.how_to_build(index)),
            });
            pause();
            waited = true;
        }
    }

    /// Tells the user how to build a stage.
    fn how_to_build(&self, index: usize) -> String {
        format!(
            "build it with stage-run --stage {index} --build-dir {} and the other options of this one",
            self.build_dir.dir().display()
        )
    }

    /// Fails if a stage that was used has been built again since, with another result.
    fn check_unchanged(&self, used: &Used) -> io::Result<()> {
        if self.rules.driver {
            return Ok(());
        }
        for (index, was) in used {
            let is = loop {
                match self.build_dir.became(*index) {
                    None if self.build_dir.busy(*index) => std::thread::sleep(PAUSE),
                    is => break is,
                }
            };
            if is.is_some_and(|is| is != *was) {
                let what = format!(
                    "stage {index} was built again meanwhile, and is another now; build this one again too"
                );
                return Err(io::Error::other(what));
            }
        }
        Ok(())
    }
}

/// The line that tells the user of a wait, once, and only if it takes longer than a moment.
struct WaitNotice {
    since: Instant,
    /// After which time a line says it, until it is said or told.
    after: Option<Duration>,
}

impl WaitNotice {
    fn new(rules: &WaitRules) -> Self {
        // A driver shows the output of the other stages meanwhile.
        let after = Duration::from_secs(if rules.driver { 10 } else { 1 });
        Self { since: Instant::now(), after: rules.shown.then_some(after) }
    }

    /// Tells the view of the build about the wait.
    fn tell(&mut self, stage: usize, needs: usize) {
        if self.after.is_some() && self.since.elapsed() >= MOMENT && progress::wait(stage, needs) {
            self.after = None;
        }
    }

    /// In a line.
    fn say(&mut self, stage: usize, label: &str, text: impl FnOnce() -> String) {
        if self.after.is_some_and(|after| self.since.elapsed() >= after) {
            self.after = None;
            progress::note_of(stage, label, &text());
        }
    }
}

#[cfg(test)]
mod tests;
