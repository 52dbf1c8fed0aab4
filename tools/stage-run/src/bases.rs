//! Tells the checks which images the stages of a plan start from, without building: the images' configs.
//!
//! Nothing is unpacked or run, and of what the store lacks only manifests and configs are pulled. An image that can't be
//! had is left out, unless all of them are required.

use crate::base::image_name;
use crate::error::StepError;
use crate::lock::LockFile;
use crate::options::{Fetch, NamedContext, Policy};
use crate::plan::{Plan, misspelt_stage};
use crate::session::images::{Missing, select_of};
use crate::session::pull::Pull;
use crate::stage::{from_lines, lines, place, with_stages};
use libcli::Failure;
use libstore::{Image, Select, Store};
use libwire::lock::Source as Locked;
use libwire::plan::{Base, Instruction, Op, Source, Stage};
use libwire::record::{BaseStep, BuildRecord, Record, StageId};
use libwire::{Reference, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// From this many days on, a line tells the age of an image.
const OLD: u64 = 30;

/// Where images are looked for.
pub struct Lookup<'a> {
    /// The store, which may not be there yet.
    pub store: &'a Path,
    /// Named contexts.
    pub contexts: &'a BTreeMap<String, NamedContext>,
    /// When a registry is asked.
    pub pull: Policy,
    /// The fetcher; the program that pulls is beside it.
    pub fetch: &'a Fetch,
    /// The lock, which wins over whatever registries say.
    pub lock: &'a LockFile,
    /// Whether an image that can't be pulled is an error, as it is in a build.
    pub required: bool,
    /// Whether only to say what would be pulled.
    pub dry_run: bool,
    /// Whether to say anything.
    pub progress: bool,
}

impl Lookup<'_> {
    fn open(&self) -> Option<Store> {
        Store::open_existing(self.store, libstore::Options::default()).ok()
    }
}

/// Writes a record without layers for each base in the plan that is an image of the store or of a named context. Before
/// that, registries are asked, all at once, what the images are that the plan names, where that is wanted.
pub fn write<W: Write>(input: impl BufRead, lookup: &Lookup, output: W) -> Result<W, Failure> {
    let plan = Plan::read(input)?;
    let (contexts, store) = (lookup.contexts, lookup.open());
    let store = if pull(&plan, store.as_ref(), lookup)? { lookup.open() } else { store };
    let mut writer = Writer::<_, BuildRecord>::new(output, BTreeMap::new())?;
    for stage in &plan.stages {
        let Some(image) = image(store.as_ref(), lookup, stage) else { continue };
        writer.write(&Record::Base(Box::new(BaseStep {
            id: StageId { stage: stage.index, stage_name: stage.name.clone() },
            dockerfile: stage.dockerfile.clone(),
            line: stage.line,
            text: stage.text.clone(),
            layers: Vec::new(),
            config: image.config,
            manifest: Some(image.descriptor.digest),
            image: image_name(stage, contexts),
            provenance: None,
            span: None,
            waited: Vec::new(),
        })))?;
    }
    Ok(writer.finish()?)
}

/// Pulls manifests and configs of those images that are to be pulled; whether there were any.
fn pull(plan: &Plan, store: Option<&Store>, lookup: &Lookup) -> Result<bool, Failure> {
    let mut wanted: BTreeMap<(&str, &str), (Policy, BTreeSet<String>)> = BTreeMap::new();
    let mut old: BTreeMap<String, u64> = BTreeMap::new();
    for stage in plan.stages.iter().filter(|_| lookup.pull != Policy::Never) {
        for Named { reference, .. } in references(stage, lookup) {
            let platform = stage.platform.parse().ok();
            let known = || store?.resolve_for(&reference, platform.as_ref()?).ok()?;
            let said = || store?.remote(&reference, platform.as_ref()?).ok()?;
            let is_known = known().is_some();
            let said = if is_known { said() } else { None };
            let policy = lookup.pull.with(lookup.lock, &reference, is_known && said.is_none());
            // A digest means the same for ever.
            let may_change = reference.digest().is_none();
            if let Some(said) = said.filter(|_| may_change && policy == Policy::Missing) {
                old.insert(reference.familiar(), said.fetched);
            }
            if !is_known || policy != Policy::Missing && may_change {
                let names = wanted.entry((&stage.platform, policy.word()));
                names.or_insert((policy, BTreeSet::new())).1.insert(reference.to_string());
            }
        }
    }
    if lookup.required && lookup.progress {
        old.iter().for_each(|(name, fetched)| tell_age(name, *fetched));
    }
    for ((platform, _), (policy, names)) in &wanted {
        let names: Vec<String> = names.iter().cloned().collect();
        if lookup.dry_run {
            let speaker = libcli::speaker("stage-run");
            let would = |name: &String| libcli::say(&format!("{speaker}: {name} would be pulled\n"));
            names.iter().filter(|_| lookup.progress).for_each(would);
            continue;
        }
        let pull = Pull { fetch: lookup.fetch, store: lookup.store, shown: lookup.progress };
        match pull.configs(&names, platform, *policy) {
            Err(_) if *policy == Policy::Missing && !lookup.required => {}
            Err(error) if *policy == Policy::Missing => {
                return Err(at_instruction(&plan.stages, lookup, error));
            }
            pulled => pulled.map_err(StepError::into_failure)?,
        }
    }
    Ok(!wanted.is_empty() && !lookup.dry_run)
}

/// Says of an image that nobody has asked for since `fetched` how long that is.
fn tell_age(name: &str, fetched: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = now.saturating_sub(fetched) / (24 * 60 * 60);
    if days >= OLD {
        let speaker = libcli::speaker("stage-run");
        libcli::say(&format!(
            "{speaker}: {name} was pulled {days} days ago; --pull=newer asks what it is now\n"
        ));
    }
}

/// The failure of image-pull, at the instruction that names the image which its message begins with.
fn at_instruction(stages: &[Stage], lookup: &Lookup, error: StepError) -> Failure {
    let said = error.to_string();
    for stage in stages {
        for Named { name, reference, instruction } in references(stage, lookup) {
            if said.starts_with(&format!("{reference}: ")) {
                let error = match lookup.open() {
                    Some(store) => {
                        Missing { store: &store, name: &name, reference: &reference }.cant_be_pulled(error)
                    }
                    None => error,
                };
                let (line, text) = match instruction {
                    Some(instruction) => (instruction.line, lines(instruction)),
                    None => (stage.line, from_lines(stage)),
                };
                return with_stages(stage, error).at(place(stage, line), &text);
            }
        }
    }
    error.into_failure()
}

/// An image that a stage names.
struct Named<'a> {
    /// As it is written.
    name: String,
    /// As a lock has it.
    reference: Reference,
    /// Where; nothing is FROM.
    instruction: Option<&'a Instruction>,
}

/// The images that a stage names, except those that are a stage's name misspelt, and those that a lock has to have and
/// has not.
fn references<'a>(stage: &'a Stage, lookup: &Lookup) -> Vec<Named<'a>> {
    let context = |name: &str| match lookup.contexts.get(name) {
        Some(NamedContext::Image(reference)) if reference != "scratch" => {
            Some((reference.clone(), reference.clone()))
        }
        _ => None,
    };
    let source = |source: &Option<Source>| match source {
        Some(Source::Image { name, reference }) => Some((name.clone(), reference.clone())),
        Some(Source::Context { name }) => context(name),
        _ => None,
    };
    let base = match &stage.base {
        Base::Image { name, reference } => Some((name.clone(), reference.clone())),
        Base::Context { name } => context(name),
        Base::Scratch | Base::Stage { .. } => None,
    };
    let sources = stage.instructions.iter().flat_map(|instruction| {
        let all = match &instruction.op {
            Op::Copy(copy) | Op::Add(copy) => vec![source(&copy.from)],
            Op::Run { mounts, .. } => mounts.iter().map(|mount| source(&mount.from)).collect(),
            _ => Vec::new(),
        };
        all.into_iter().flatten().map(move |named| (named, Some(instruction)))
    });
    let all = base.map(|named| (named, None)).into_iter().chain(sources);
    let named = all.filter_map(|((name, reference), instruction)| {
        let reference =
            Reference::parse(&reference).ok().filter(|_| misspelt_stage(stage, &name).is_none())?;
        if reference.as_digest().is_some() {
            return None;
        }
        let reference = lookup.lock.reference(reference);
        let source = Locked::image(&reference);
        let is_allowed = source.is_none_or(|source| lookup.lock.require(&source, "").is_ok());
        is_allowed.then_some(Named { name, reference, instruction })
    });
    named.collect()
}

fn image(store: Option<&Store>, lookup: &Lookup, stage: &Stage) -> Option<Image> {
    let stored = |reference: &str| {
        let reference = lookup.lock.reference(Reference::parse(reference).ok()?);
        let descriptor = store?.resolve_for(&reference, &stage.platform.parse().ok()?).ok()??;
        store?.image(&descriptor).ok()
    };
    match &stage.base {
        Base::Scratch | Base::Stage { .. } => None,
        Base::Image { reference, .. } => stored(reference),
        Base::Context { name } => match lookup.contexts.get(name)? {
            NamedContext::Directory(_) | NamedContext::Url(_) => None,
            NamedContext::Image(reference) => stored(reference),
            NamedContext::Layout { path, select } => {
                let (name, digest) = select_of(select.as_deref());
                let platform = stage.platform.parse().ok()?;
                let select = Select { name, digest, platform, ..Select::default() };
                libstore::peek_layout(path, &select).ok()
            }
        },
    }
}
