//! The stages done so far, in this process or another: who needs one that rules build waits for it, and gives up when
//! nobody can come.

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

/// How long between two looks at the build directory, at most. Stages take seconds.
const PAUSE: Duration = Duration::from_millis(15);
/// And at first: a cached stage takes milliseconds.
const LEAST_PAUSE: Duration = Duration::from_millis(1);
/// How long a result that is none of this build may lie there: whoever makes the right one perhaps begins this moment.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait for a stage that nobody is at, where a driver starts each after those it needs: then its
/// stage-run has ended without a result.
const DRIVEN: Duration = Duration::from_secs(5);

/// How old this process is when it takes a result that was there before it: of stages that are begun at once, the one
/// that makes another result has removed the last one by then.
const SETTLED: Duration = Duration::from_millis(200);

/// What is known of who builds the rules.
#[derive(Clone, Copy, Debug)]
pub struct WaitRules {
    /// A driver starts every stage in a new directory, and ends them all when one fails.
    pub driver: bool,
    /// How long to wait for a stage that nobody is at.
    pub patience: Duration,
    /// Whether a wait is told.
    pub shown: bool,
}

/// The stages done so far.
#[derive(Debug, Default)]
pub struct Stages {
    done: RefCell<BTreeMap<usize, Done>>,
    /// What the stage being built has used.
    used: RefCell<Used>,
    shared: Option<Shared>,
    /// Names of the plan's stages.
    names: BTreeMap<usize, Option<String>>,
    waits: RefCell<Vec<Wait>>,
    /// Those that were waited for in vain: once is enough.
    given_up: RefCell<BTreeSet<usize>>,
}

/// Stages, and what each had become when it was used.
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
    /// Stages of this process alone, of a plan with these.
    pub fn new(names: BTreeMap<usize, Option<String>>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Also those that leave their results in a build directory.
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

    /// Begins stage `index`, after whoever else is at it.
    pub fn begin(&mut self, index: usize) -> io::Result<()> {
        let name = self.name(index);
        self.used.take();
        let Some(shared) = &mut self.shared else { return Ok(()) };
        let mut news = WaitNotice::new(&shared.rules);
        let lock = loop {
            if let Some(lock) = shared.build_dir.begin(index)? {
                break lock;
            }
            let dir = shared.build_dir.dir().display();
            news.tell(index, || format!("waits: another stage-run builds {name} in {dir}"));
            std::thread::sleep(PAUSE);
        };
        shared.current = Some((index, lock));
        Ok(())
    }

    /// Says that stage `index` is done, all of it or `until` a step.
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

    /// Says that stage `index` failed.
    pub fn failed(&mut self, index: usize) {
        if let Some(shared) = &mut self.shared {
            // A driver ends whoever waits in any case; this only makes it sooner.
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
            let (found, waited) = shared.wait(index, &self.name(index), again);
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

    /// What was waited for since this was last asked.
    pub fn take_waits(&self) -> Vec<Wait> {
        self.waits.take()
    }

    fn name(&self, index: usize) -> String {
        match self.names.get(&index) {
            Some(Some(name)) => format!("stage {index} ({name})"),
            _ => format!("stage {index}"),
        }
    }
}

impl Shared {
    /// The state of a stage that another process builds, and whether it had to be waited for. `again`: it was waited
    /// for before, in vain.
    fn wait(&self, index: usize, name: &str, again: bool) -> (Result<Done, StepError>, bool) {
        let WaitRules { driver, .. } = self.rules;
        let asked = if driver { DRIVEN } else { self.rules.patience };
        let patience = if again { Duration::ZERO } else { asked };
        let (mut news, mut waited, mut idle) = (WaitNotice::new(&self.rules), false, Instant::now());
        let since = Instant::now();
        let pause = || std::thread::sleep((since.elapsed() / 4).clamp(LEAST_PAUSE, PAUSE));
        // Whether what is there was left since this began.
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
            news.tell(self.current.as_ref().map_or(index, |(own, _)| *own), || match busy || driver {
                true => format!("waits for {name}"),
                false => format!("waits for {name}, which nobody builds yet; {}", self.how_to_build(index)),
            });
            pause();
            waited = true;
        }
    }

    /// How a stage is built.
    fn how_to_build(&self, index: usize) -> String {
        format!(
            "build it with stage-run --stage {index} --build-dir {} and the other options of this one",
            self.build_dir.dir().display()
        )
    }

    /// Fails when a stage that was taken has been built again since, and has become another.
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

/// One line about a wait, after a moment of it.
struct WaitNotice {
    since: Instant,
    after: Option<Duration>,
}

impl WaitNotice {
    fn new(rules: &WaitRules) -> Self {
        // A driver shows meanwhile what the rules do.
        let after = Duration::from_secs(if rules.driver { 10 } else { 1 });
        Self { since: Instant::now(), after: rules.shown.then_some(after) }
    }

    fn tell(&mut self, stage: usize, text: impl FnOnce() -> String) {
        if self.after.is_some_and(|after| self.since.elapsed() >= after) {
            self.after = None;
            progress::note(true, stage, &text());
        }
    }
}

#[cfg(test)]
mod tests;
