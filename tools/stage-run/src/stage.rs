//! One stage: its base, then its instructions in order. The record of each is written as soon as it is done.

use crate::base::{self, Begun};
use crate::copy::deferred;
use crate::copy::expanded::CopyInstruction;
use crate::copy::files::files;
use crate::copy::step::copy;
use crate::error::{Lines, StepError, was_stopped};
use crate::explain::why;
use crate::plan::misspelt_stage;
use crate::position::{CurrentStep, Position, Ran};
use crate::record::{self, InProgress, Outcome, op_name, stage_id};
use crate::run::shell;
use crate::run::step::run;
use crate::session::Session;
use crate::state::State;
use crate::step::Made;
use crate::stop_points::StopPoints;
use crate::words::Words;
use crate::{config, hints, paths, plan, progress, workdir};
use libcli::Failure;
use libwire::image::MAX_LAYERS;
use libwire::plan::{Copy, Instruction, Op, Stage};
use libwire::provenance::Provenance;
use libwire::record::{BaseLayer, Cache, Record, Step};

/// Takes records. The stage ends if it refuses one.
pub type Emit<'a> = dyn FnMut(Record) -> Result<(), Failure> + 'a;

/// Builds a stage and gives the state that those built on it inherit. If the stage fails, its last record says where.
pub fn build(session: &Session, stage: &Stage, emit: &mut Emit) -> Result<State, Failure> {
    let mut in_progress = InProgress::from(stage);
    let built = steps(session, stage, &mut in_progress, emit);
    // They may be the reason for its failure.
    for warning in session.store.take_warnings() {
        libcli::warn(&libcli::speaker("stage-run"), &warning);
    }
    // Before the shell in what a step left, it was said already.
    let was_entered =
        session.options.shell_on_fail && in_progress.left.as_ref().is_some_and(|left| left.id.is_some());
    if let Err(failure) = &built
        && failure.render("").is_some()
        && !was_stopped(failure)
        && !was_entered
    {
        progress::failed(session.options.progress, stage, in_progress.step, in_progress.span());
    }
    if let Err(failure) = &built
        && let Some(record) = in_progress.failed(stage, failure, session.stages.take_waits())
    {
        // Should this fail too, the first failure still is the one to report.
        let _ = emit(record);
    }
    built
}

fn steps(
    session: &Session,
    stage: &Stage,
    in_progress: &mut InProgress,
    emit: &mut Emit,
) -> Result<State, Failure> {
    let from = |error: StepError| with_stages(stage, error).at(place(stage, stage.line), &from_lines(stage));
    progress::stage(session.options.progress, stage);
    let Begun { mut state, image, files, triggers } = base::begin(session, stage).map_err(from)?;
    let triggers = parse_triggers(session, stage, &triggers).map_err(from)?;
    let base = record::base(stage, &mut state, image, in_progress.span(), session.stages.take_waits());
    state.provenance = Some(Provenance::of(&base));
    emit(Record::Base(Box::new(base)))?;
    let steps = usize::from(files.is_some()) + triggers.len() + stage.instructions.len();
    let position = Position::new(stage, &state, steps);
    progress::base(session.options.progress, stage, steps);
    let last_use = steps - deferred::after_last_use(triggers.iter().chain(&stage.instructions));
    let stop_points = StopPoints::new(session, stage, steps - stage.instructions.len()).map_err(from)?;
    let mut builder = Builder { session, stage, state, position, in_progress, last_use, stop_points };
    if let Some(name) = files {
        builder.files(&name, emit).map_err(|error| match error {
            Ended::Step(error) => from(error),
            Ended::Emit(failure) => failure,
        })?;
    }
    for (instruction, triggered) in triggers
        .iter()
        .map(|trigger| (trigger, true))
        .chain(stage.instructions.iter().map(|own| (own, false)))
    {
        if builder.position.step == builder.stop_points.last {
            break;
        }
        let line = if triggered { stage.line } else { instruction.line };
        let done = builder.instruction(instruction, line, emit);
        done.map_err(|error| match builder.hinted(instruction, error) {
            // A trigger is not in this file: the FROM that brought it is shown.
            Ended::Step(error) if triggered => {
                from(error.within(&format!("the base's trigger ONBUILD {}", instruction.text)))
            }
            Ended::Step(error) => error.at(place(stage, line), &lines(instruction)),
            Ended::Emit(failure) => failure,
        })?;
    }
    if builder.stop_points.shell.is_some_and(|step| step > builder.position.step) {
        return Err(from(shell::before(builder.current(), None)));
    }
    Ok(builder.state)
}

pub fn from_lines(stage: &Stage) -> Lines<'_> {
    Lines { first: stage.line, text: &stage.text, lines: &stage.lines }
}

pub fn lines(instruction: &Instruction) -> Lines<'_> {
    Lines { first: instruction.line, text: &instruction.text, lines: &instruction.lines }
}

/// Adds to the error for a missing image the stage that was perhaps meant.
pub fn with_stages(stage: &Stage, error: StepError) -> StepError {
    let near = error.missing_image().and_then(|image| Some((misspelt_stage(stage, image)?, image)));
    match near {
        Some((near, image)) => {
            let hint = format!(
                "; did you mean the stage {near}? An image of that name is docker.io/library/{image}"
            );
            error.hint(&hint)
        }
        None => error,
    }
}

pub fn place(stage: &Stage, line: u32) -> String {
    format!("{}:{line}", stage.dockerfile)
}

pub fn parse_triggers(
    session: &Session,
    stage: &Stage,
    triggers: &[String],
) -> Result<Vec<Instruction>, StepError> {
    let parse = |trigger: &String| {
        let parsed = libdockerfile::trigger::parse(trigger, &stage.stages, &stage.contexts);
        parsed
            .map_err(StepError::input)
            .and_then(|run| stages_of_trigger(session, stage, run))
            .map_err(|error| error.within(&format!("the base's trigger ONBUILD {trigger}")))
    };
    triggers.iter().map(parse).collect()
}

/// Refuses a trigger of an image that names a stage nobody builds: the needed stages were found without looking at
/// the image.
fn stages_of_trigger(
    session: &Session,
    stage: &Stage,
    trigger: Instruction,
) -> Result<Instruction, StepError> {
    let missing = |&index: &usize| index >= stage.index || !session.stages.planned(index);
    let Some(index) = plan::sources(&trigger).into_iter().find(missing) else { return Ok(trigger) };
    let name = stage.stages.get(index).cloned().flatten().unwrap_or_else(|| index.to_string());
    Err(StepError::input(match index >= stage.index {
        true => format!("it uses stage {name}, which is not above this one"),
        false => format!(
            "it uses stage {name}, which nothing in this Dockerfile needs, so it is not built; give df-parse --bases, or name the stage after FROM too: RUN --mount=from={name},target=/mnt true"
        ),
    }))
}

enum Ended {
    Step(StepError),
    Emit(Failure),
}

impl From<StepError> for Ended {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

struct Builder<'a> {
    session: &'a Session<'a>,
    stage: &'a Stage,
    state: State,
    position: Position,
    in_progress: &'a mut InProgress,
    /// The last step that looks at the tree or changes it.
    last_use: usize,
    stop_points: StopPoints,
}

impl Builder<'_> {
    /// The step to make next.
    fn current(&self) -> CurrentStep<'_> {
        let Self { session, stage, state, position, .. } = self;
        CurrentStep { session, stage, state, position }
    }

    fn instruction(&mut self, instruction: &Instruction, line: u32, emit: &mut Emit) -> Result<(), Ended> {
        let (stage, shown) = (self.stage, self.session.options.progress);
        let text = &instruction.text;
        self.next(line, text);
        // A step is shown when it begins, and it begins after the stages it uses. If one of them failed, making the
        // step says so.
        for index in plan::sources(instruction) {
            let _ = self.session.stages.get(index);
        }
        progress::step(shown, stage, self.position.step, self.position.steps, text);
        if self.stop_points.shell == Some(self.position.step) {
            return Err(shell::before(self.current(), Some(&instruction.op)).into());
        }
        if let Some(created) = config::apply(&mut self.state, stage, &instruction.op)? {
            let history = created.map(|created| self.state.note(created));
            let outcome = Outcome { history, ..Outcome::default() };
            return self.emit_step(&instruction.op, outcome, emit);
        }
        let outcome = match self.make(&instruction.op, line) {
            Ok((Some(made), created_by)) => self.put_on_top(made, created_by),
            Ok((None, created_by)) => {
                Outcome { history: Some(self.state.note(created_by)), ..Outcome::default() }
            }
            Err(mut error) => match error.needs() {
                Some(needs) => self.not_looked_up(needs),
                None => {
                    self.in_progress.left = error.take_left();
                    return Err(error.into());
                }
            },
        };
        self.emit_step(&instruction.op, outcome, emit)
    }

    /// Goes on to the next step.
    fn next(&mut self, line: u32, text: &str) {
        self.position.step += 1;
        self.in_progress.step(self.position.step, line, text);
        self.position.text = text.to_owned();
        self.position.args = self.state.args.iter().map(|(name, _)| name.clone()).collect();
    }

    /// Makes the snapshot of an instruction, or finds it. Also gives the history entry.
    fn make(&mut self, op: &Op, line: u32) -> Result<(Option<Made>, String), StepError> {
        if let Op::Workdir { path } = op {
            return self.workdir(path);
        }
        self.room_for_layer()?;
        // A COPY --link stands on nothing.
        let alone = matches!(op, Op::Copy(copy) | Op::Add(copy) if copy.link && copy.chmod.is_none());
        if !alone {
            self.state.require_known()?;
        }
        let (made, created_by) = match op {
            Op::Copy(inner) => copy(self.current(), self.copy_instruction(inner, false, line))?,
            Op::Add(inner) => copy(self.current(), self.copy_instruction(inner, true, line))?,
            op => run(self.current(), op)?,
        };
        Ok((Some(made), created_by))
    }

    /// Refuses one layer too many. df-parse can't count those that come with a base, a trigger or a variable.
    fn room_for_layer(&self) -> Result<(), StepError> {
        match self.state.layers.len() < MAX_LAYERS {
            true => Ok(()),
            false => Err(StepError::input(libdockerfile::values::too_many_layers())),
        }
    }

    fn copy_instruction<'c>(&self, copy: &'c Copy, add: bool, line: u32) -> CopyInstruction<'c> {
        let last = self.position.step == self.last_use && self.session.last == Some(self.stage.index);
        CopyInstruction { copy, add, last, line }
    }

    /// The outcome of a step that a dry run can't look up: what it `needs` would have to be made first.
    fn not_looked_up(&self, needs: &str) -> Outcome {
        let own = self.state.pending.as_deref() == Some(needs);
        let step = self.position.ran.first().map(|ran| ran.step).filter(|_| own);
        let why = why::follows(step, needs);
        let why = Some(why).filter(|_| self.session.options.explain);
        progress::miss(self.session.options, self.stage, why.as_ref());
        Outcome { runs: true, why, ..Outcome::default() }
    }

    /// The line of the USER that counts for an instruction, if this file has it.
    fn user_line(&self, instruction: &Instruction) -> Option<u32> {
        let above = self.stage.instructions.iter().filter(|inner| inner.line < instruction.line);
        above.filter(|inner| matches!(inner.op, Op::User { .. })).map(|inner| inner.line).next_back()
    }

    /// Adds to an error the hints that the instruction and the stages' names give.
    fn hinted(&self, instruction: &Instruction, ended: Ended) -> Ended {
        let Ended::Step(error) = ended else { return ended };
        let error = with_stages(self.stage, error);
        if let (Op::Run { .. }, true, Some(user)) =
            (&instruction.op, error.is_input(), self.user_line(instruction))
        {
            return Ended::Step(error.within(&format!("USER of line {user}")));
        }
        let hint = hints::of(self.stage, &self.state, instruction);
        Ended::Step(match hint.filter(|_| error.is_input() || matches!(instruction.op, Op::Run { .. })) {
            Some(hint) => error.hint(&hint),
            None => error,
        })
    }

    /// The files of a directory that is the stage's base.
    fn files(&mut self, name: &str, emit: &mut Emit) -> Result<(), Ended> {
        self.next(self.stage.line, &self.stage.text);
        let (made, created_by) = files(self.current(), name)?;
        let outcome = self.put_on_top(made, created_by);
        let op = Op::Copy(Copy::default());
        self.emit_step(&op, outcome, emit)
    }

    /// Sets the working directory and makes it. The root is there already.
    fn workdir(&mut self, path: &str) -> Result<(Option<Made>, String), StepError> {
        let path = Words::new(self.stage.escape, &self.state.scope).one(path)?;
        let path = paths::join(&self.state.config.config.working_dir, &path);
        self.state.config.config.working_dir = path.clone();
        let created_by = format!("WORKDIR {path}");
        if path == "/" {
            return Ok((None, created_by));
        }
        self.room_for_layer()?;
        self.state.require_known()?;
        let user = self.state.config.config.user.clone();
        let made = workdir::step(self.current(), &path, &user)?;
        Ok((Some(made), created_by))
    }

    /// Puts a step's snapshot on top of the stage.
    fn put_on_top(&mut self, made: Made, created_by: String) -> Outcome {
        let history = Some(self.state.note_layer(created_by, made.created.clone()));
        let (runs, why) = (made.cache == Cache::Miss, made.why.clone());
        Outcome { made: Some(made), history, runs, why }
    }

    /// Writes the record of a step that is done.
    fn emit_step(&mut self, op: &Op, outcome: Outcome, emit: &mut Emit) -> Result<(), Ended> {
        let Outcome { made, history, runs, why } = outcome;
        let mut step = Step {
            id: stage_id(self.stage),
            step: self.position.step,
            steps: self.position.steps,
            dockerfile: self.stage.dockerfile.clone(),
            line: self.in_progress.line,
            text: self.position.text.clone(),
            op: op_name(op).to_owned(),
            cache: if runs { Cache::Miss } else { Cache::None },
            key: None,
            ingredients: Vec::new(),
            parents: self.state.parents(),
            snapshot: None,
            layer: None,
            ships: self.stage.ships,
            config: self.state.config.clone(),
            history,
            span: self.in_progress.span(),
            waited: Vec::new(),
            log: None,
            why: None,
        };
        if let Some(made) = made {
            self.record_made(made, &mut step)?;
        }
        if self.session.options.dry_run && runs && self.state.pending.is_none() {
            self.state.pending = Some(format!("step {}", step.step));
            self.position.ran.push(Ran { step: step.step, snapshot: None });
        }
        if let Some(provenance) = &mut self.state.provenance {
            provenance.add(&step);
        }
        // The cache has the record already, and must not have these: they are true of this build only.
        (step.why, step.waited) = (why.map(Box::new), self.session.stages.take_waits());
        self.say_done(&step);
        emit(Record::Step(Box::new(step))).map_err(Ended::Emit)
    }

    /// Shows the user that a step is done, and what it wrote, if that is asked for.
    fn say_done(&self, step: &Step) {
        let ran = step.snapshot.as_ref().filter(|_| step.cache == Cache::Miss && libcli::is_watched());
        let bytes = ran.and_then(|id| Some(self.session.store.snapshot_meta(id).ok()?.tree?.bytes));
        // It was shown to begin after the stages that it waited for.
        let waited: u64 = step.waited.iter().map(|wait| wait.span.duration_ms).sum();
        let duration_ms = step.span.duration_ms.saturating_sub(waited);
        let shown = self.session.options.progress;
        progress::done(shown, self.stage, step.step, step.cache, duration_ms, bytes);
    }

    /// Puts the snapshot on top of the stage, into the step's record and into the cache.
    fn record_made(&mut self, made: Made, step: &mut Step) -> Result<(), StepError> {
        let (store, options) = (&self.session.store, self.session.options);
        (step.cache, step.key, step.log) = (made.cache, Some(made.key.digest()), made.log);
        (step.ingredients, step.parents) = (made.key.ingredients().to_vec(), made.parents);
        let Some(snapshot) = made.snapshot else { return Ok(()) };
        if let Some(key) = &options.known_layers {
            step.layer = store.layer(&snapshot, key)?.map(|record| record.layer);
        }
        step.snapshot = Some(snapshot.clone());
        if made.cache == Cache::Miss {
            store.cache_put(made.key.digest(), step)?;
            // Processes that wait for it find it now.
            drop(made.lock);
            self.position.ran.push(Ran { step: step.step, snapshot: Some(snapshot.clone()) });
        }
        if !options.dry_run {
            store.set_latest(&self.position.places(self.session, self.stage, &made.key), made.key.digest());
        }
        self.state.layers.push(BaseLayer { snapshot, layer: step.layer.clone() });
        Ok(())
    }
}
