//! Looks up what the names of a plan's sources mean: images, URLs and references of repositories. Nothing is built. The lock
//! is held to it, or written.

use crate::base;
use crate::config;
use crate::copy::expanded::ExpandedCopy;
use crate::copy::{checkouts, downloads};
use crate::error::StepError;
use crate::options::{NamedContext, Options};
use crate::plan::Plan;
use crate::session::Session;
use crate::stage::{from_lines, lines, parse_triggers, place, with_stages};
use crate::state::State;
use libcli::Failure;
use libstore::Store;
use libwire::Reference;
use libwire::lock::{Pin, Source};
use libwire::plan::{Base, Copy, Instruction, Op, Source as From, Stage};
use libwire::remote::{Kind, Repository};
use std::collections::BTreeMap;
use std::io::BufRead;

/// Looks up the sources of the plan in `input`. Those that the lock has to have are refused if it has them not; what it is to
/// have anew is written.
pub fn look_up(input: impl BufRead, store: Store, options: &Options) -> Result<(), Failure> {
    let plan = Plan::read(input)?;
    let options = &Options { build_dir: None, ..options.clone() };
    let mut session = Session::new(options, store, &plan)?;
    let mut found = Found::default();
    for stage in &plan.stages {
        let state = of_stage(&session, stage, &mut found)?;
        session.stages.done(stage.index, None, state).map_err(|error| Failure::failed("", error))?;
    }
    if options.dry_run {
        return Ok(());
    }
    let changes = options.lock.write(found.pins.into_iter().collect())?;
    for change in changes.iter().filter(|_| options.progress) {
        libcli::say(&format!("{}: {change}\n", libcli::speaker("stage-run")));
    }
    Ok(())
}

/// The pins that were found so far.
#[derive(Default)]
struct Found {
    pins: BTreeMap<Source, Pin>,
}

impl Found {
    /// Notes what a source is, which has to stay so.
    fn note(&mut self, source: Source, pin: Pin) -> Result<(), StepError> {
        match self.pins.get(&source).filter(|known| **known != pin) {
            Some(known) => {
                let name = source.name();
                Err(StepError::try_again(format!(
                    "{name} was {known} and is {pin} a moment later; lock it again when it has settled"
                )))
            }
            None => {
                self.pins.insert(source, pin);
                Ok(())
            }
        }
    }
}

/// Looks up the sources of a stage, and gives what those built on it inherit.
fn of_stage(session: &Session, stage: &Stage, found: &mut Found) -> Result<State, Failure> {
    let from = |error| with_stages(stage, error).at(place(stage, stage.line), &from_lines(stage));
    // A stage that is packed needs its base's layers, and this one is not.
    let unpacked = Stage { ships: false, ..stage.clone() };
    let begun = base::begin(session, &unpacked).map_err(from)?;
    let mut walk = Walk { session, stage, state: begun.state, found };
    let image = match &stage.base {
        Base::Image { name, reference } => walk.image(name, reference),
        Base::Context { name } => walk.context(name),
        Base::Scratch | Base::Stage { .. } => Ok(()),
    };
    image.map_err(from)?;
    for trigger in &parse_triggers(session, stage, &begun.triggers).map_err(from)? {
        walk.instruction(trigger).map_err(from)?;
    }
    for instruction in &stage.instructions {
        let at = |error| with_stages(stage, error).at(place(stage, instruction.line), &lines(instruction));
        walk.instruction(instruction).map_err(at)?;
    }
    Ok(walk.state)
}

struct Walk<'a> {
    session: &'a Session<'a>,
    stage: &'a Stage,
    /// As far as the config goes, which decides what variables mean.
    state: State,
    found: &'a mut Found,
}

impl Walk<'_> {
    fn instruction(&mut self, instruction: &Instruction) -> Result<(), StepError> {
        if config::apply(&mut self.state, self.stage, &instruction.op)?.is_some() {
            return Ok(());
        }
        match &instruction.op {
            Op::Copy(copy) => self.from(copy.from.as_ref()),
            Op::Add(copy) => {
                self.from(copy.from.as_ref())?;
                self.add(copy)
            }
            Op::Run { mounts, .. } => mounts.iter().try_for_each(|mount| self.from(mount.from.as_ref())),
            _ => Ok(()),
        }
    }

    fn from(&mut self, source: Option<&From>) -> Result<(), StepError> {
        match source {
            Some(From::Image { name, reference }) => self.image(name, reference),
            Some(From::Context { name }) => self.context(name),
            _ => Ok(()),
        }
    }

    fn context(&mut self, name: &str) -> Result<(), StepError> {
        match self.session.context(name)? {
            NamedContext::Image(reference) if reference != "scratch" => self.image(reference, reference),
            _ => Ok(()),
        }
    }

    /// An image, of which the store has manifest and config then.
    fn image(&mut self, name: &str, reference: &str) -> Result<(), StepError> {
        let parsed = Reference::parse(reference).map_err(StepError::input)?;
        let Some(source) = Source::image(&parsed) else { return Ok(()) };
        let lock = &self.session.options.lock;
        match self.session.images.named(reference, name, self.stage) {
            Err(error) if error.needs().is_some() => return Ok(()),
            found => found?,
        };
        match self.session.images.said(&parsed, &self.stage.platform)? {
            Some(digest) if lock.renews(&source) => self.found.note(source, Pin::Digest(digest)),
            None if lock.renews(&source) => {
                let what = format!(
                    "{name} is not locked: the store's image of that name came from no registry; image-build --lock={name} asks for one there"
                );
                self.session.warn_once(&what);
                Ok(())
            }
            _ => self.known(source),
        }
    }

    fn add(&mut self, copy: &Copy) -> Result<(), StepError> {
        let expanded = ExpandedCopy::new(self.stage, &self.state, copy)?;
        for (text, written) in expanded.sources.iter().zip(&copy.sources) {
            match Kind::of(text) {
                Kind::File if expanded.checksum.is_none() => {
                    let source = Source::file(text, written);
                    self.source(source, text, |session| downloads::digest(session, text).map(Pin::Digest))?;
                }
                Kind::Repository if expanded.checksum.is_none() => {
                    let repository = Repository::parse(text).map_err(StepError::input)?;
                    let Some(source) = Source::repository(&repository) else { continue };
                    self.source(source, text, |session| {
                        let pinned = checkouts::commit(session, text, &repository)?;
                        Ok(Pin::Commit(pinned.commit().to_owned()))
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A source of ADD, which is asked what it is where that is written anew.
    fn source(
        &mut self,
        source: Source,
        shown: &str,
        ask: impl FnOnce(&Session) -> Result<Pin, StepError>,
    ) -> Result<(), StepError> {
        let Options { lock, dry_run, .. } = self.session.options;
        if lock.renews(&source) && !dry_run {
            let pin = ask(self.session)?;
            return self.found.note(source, pin);
        }
        lock.require(&source, shown)?;
        self.known(source)
    }

    /// Notes what the lock says.
    fn known(&mut self, source: Source) -> Result<(), StepError> {
        match self.session.options.lock.pin(&source).cloned() {
            Some(pin) => self.found.note(source, pin),
            None => Ok(()),
        }
    }
}
