//! From a parsed Dockerfile to the plan: global ARGs, bases, stage references, and what the target needs.

use crate::ParseError;
use crate::dockerfile::{Dockerfile, Item, StageItem};
use crate::error::did_you_mean;
use crate::instruction::Parsed;
use crate::mount::ParsedMount;
use crate::platform::Platform;
use libwire::plan::{Base, Instruction, Op, Source, Stage};
use libwire::reference::Reference;
use std::collections::{BTreeMap, BTreeSet};

/// What the caller asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The Dockerfile's name, for messages.
    pub name: String,
    /// The stage to build; the last one otherwise.
    pub target: Option<String>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// `--platform`.
    pub platform: Option<String>,
    /// Names of build contexts the caller declares.
    pub contexts: Vec<String>,
}

/// The plan: one stage a record, only those the target needs, in an order in which each comes after
/// those it uses.
pub fn plan(file: &Dockerfile, options: &Options) -> Result<Vec<Stage>, ParseError> {
    let target = target_index(file, options)?;
    let platform = match options.platform.as_deref() {
        Some(text) => Platform::parse(text).map_err(ParseError::file)?,
        None => Platform::own(),
    };
    let globals = global_args(file, options, &platform)?;
    let mut stages = Vec::new();
    for index in 0..file.stages.len() {
        stages.push(stage(file, options, index, &globals, &platform)?);
    }
    add_needs(&mut stages)?;
    check_cycles(file, &stages)?;
    let mut needed = BTreeSet::new();
    let mut todo = vec![target];
    while let Some(index) = todo.pop() {
        if needed.insert(index) {
            todo.extend(&stages[index].needs);
        }
    }
    let mut ships = Some(target);
    while let Some(index) = ships {
        stages[index].ships = true;
        ships = match stages[index].base {
            Base::Stage { index } => Some(index),
            _ => None,
        };
    }
    stages[target].target = true;
    Ok(stages.into_iter().filter(|stage| needed.contains(&stage.index)).collect())
}

fn target_index(file: &Dockerfile, options: &Options) -> Result<usize, ParseError> {
    let Some(target) = options.target.as_deref().filter(|target| !target.is_empty()) else {
        return Ok(file.stages.len() - 1);
    };
    let lower = target.to_lowercase();
    let names = || {
        file.stages.iter().filter_map(|stage| stage.from.name.as_ref().map(|(name, _)| name.to_lowercase()))
    };
    let found = file
        .stages
        .iter()
        .rposition(|stage| stage.from.name.as_ref().is_some_and(|(name, _)| name.to_lowercase() == lower));
    found.ok_or_else(|| {
        let names: Vec<_> = names().collect();
        let hint = did_you_mean(target, names.iter().map(String::as_str));
        ParseError::file(format!("target stage {target:?} could not be found{hint}"))
    })
}

/// Values of the ARGs before FROM and of the automatic platform arguments.
pub(crate) fn global_args(
    file: &Dockerfile,
    options: &Options,
    target: &Platform,
) -> Result<BTreeMap<String, String>, ParseError> {
    let mut values = automatic_args(options, target);
    for item in &file.globals {
        let Parsed::Op { op: Op::Arg { args }, .. } = &item.parsed else { continue };
        for arg in args {
            let get = |name: &str| values.get(name).cloned();
            let value = match (options.build_args.get(&arg.name), &arg.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => {
                    Some(file.expander().word(default, &get).map_err(|error| at(item, &error))?)
                }
                (None, None) => None,
            };
            values.extend(value.map(|value| (arg.name.clone(), value)));
        }
    }
    Ok(values)
}

fn automatic_args(options: &Options, target: &Platform) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (prefix, platform) in [("TARGET", target), ("BUILD", &Platform::own())] {
        let variant = platform.variant.clone().unwrap_or_default();
        let pairs = [
            ("PLATFORM", platform.to_string()),
            ("OS", platform.os.clone()),
            ("OSVERSION", String::new()),
            ("ARCH", platform.arch.clone()),
            ("VARIANT", variant),
        ];
        values.extend(pairs.map(|(name, value)| (format!("{prefix}{name}"), value)));
    }
    let stage = options.target.clone().filter(|target| !target.is_empty());
    values.insert("TARGETSTAGE".into(), stage.unwrap_or_else(|| "default".into()));
    for (name, value) in &mut values {
        if let Some(given) = options.build_args.get(name) {
            value.clone_from(given);
        }
    }
    values
}

fn at(item: &Item, error: &dyn std::fmt::Display) -> ParseError {
    ParseError::new(error.to_string()).at(item.line.line, item.line.line_end)
}

fn stage(
    file: &Dockerfile,
    options: &Options,
    index: usize,
    globals: &BTreeMap<String, String>,
    target: &Platform,
) -> Result<Stage, ParseError> {
    let item = &file.stages[index];
    let place = |error: ParseError| error.at(item.line.line, item.line.line_end);
    let names: Vec<Option<String>> = file.stages.iter().map(stage_name).collect();
    let scope = Names { stages: &names, contexts: &options.contexts, current: index };
    let platform = stage_platform(file, item, globals, target).map_err(place)?;
    let base = base(file, item, globals, &scope).map_err(place)?;
    let mut instructions = Vec::new();
    for inner in &item.items {
        let Parsed::Op { op, from, mounts, .. } = &inner.parsed else { continue };
        let (line, line_end) = (inner.line.line, inner.line.line_end);
        let op =
            resolve(op.clone(), from.as_deref(), mounts, &scope).map_err(|error| error.at(line, line_end))?;
        instructions.push(Instruction { line, line_end, text: inner.line.text.clone(), op });
    }
    Ok(Stage {
        index,
        name: stage_name(item),
        dockerfile: options.name.clone(),
        line: item.line.line,
        line_end: item.line.line_end,
        text: item.line.text.clone(),
        base,
        platform: platform.to_string(),
        target: false,
        ships: false,
        needs: Vec::new(),
        stages: names[..=index].to_vec(),
        contexts: options.contexts.clone(),
        build_args: options.build_args.clone(),
        global_args: globals.clone(),
        escape: file.escape(),
        instructions,
    })
}

pub(crate) fn stage_name(stage: &StageItem) -> Option<String> {
    stage.from.name.as_ref().map(|(name, _)| name.to_lowercase())
}

fn stage_platform(
    file: &Dockerfile,
    item: &StageItem,
    globals: &BTreeMap<String, String>,
    target: &Platform,
) -> Result<Platform, ParseError> {
    let Some(text) = &item.from.platform else { return Ok(target.clone()) };
    let get = |name: &str| globals.get(name).cloned();
    let value = file.expander().word(text, &get).map_err(|error| ParseError::new(error.to_string()))?;
    if value.is_empty() {
        let what = format!(
            "empty platform value from expression {text}; is the ARG declared before the first FROM?"
        );
        return Err(ParseError::new(what).token(text.clone()));
    }
    Platform::parse(&value).map_err(|what| ParseError::new(what).token(text.clone()))
}

fn base(
    file: &Dockerfile,
    item: &StageItem,
    globals: &BTreeMap<String, String>,
    scope: &Names,
) -> Result<Base, ParseError> {
    let written = &item.from.image;
    let get = |name: &str| globals.get(name).cloned();
    let name = file.expander().word(written, &get).map_err(|error| ParseError::new(error.to_string()))?;
    if name.trim().is_empty() {
        let what = format!(
            "base name ({written}) should not be blank; give its ARG a default before the first FROM"
        );
        return Err(ParseError::new(what).token(written.clone()));
    }
    if let Some(name) = scope.context(&name) {
        return Ok(Base::Context { name });
    }
    let earlier = &scope.stages[..scope.current];
    if let Some(index) = earlier.iter().rposition(|stage| stage.as_deref() == Some(&name)) {
        return Ok(Base::Stage { index });
    }
    if name == "scratch" {
        return Ok(Base::Scratch);
    }
    match Reference::parse(&name) {
        Ok(reference) => Ok(Base::Image { name, reference: reference.to_string() }),
        Err(error) => {
            let hint = did_you_mean(&name, earlier.iter().flatten().map(String::as_str));
            Err(ParseError::new(format!("failed to parse stage name {name:?}: {error}{hint}"))
                .token(written.clone()))
        }
    }
}

/// The names an instruction of a stage may use.
pub(crate) struct Names<'a> {
    pub(crate) stages: &'a [Option<String>],
    pub(crate) contexts: &'a [String],
    pub(crate) current: usize,
}

impl Names<'_> {
    /// The declared context that `name` means: by its very name, or as the same image.
    fn context(&self, name: &str) -> Option<String> {
        let full = |text: &str| Reference::parse(text).ok().map(|reference| reference.to_string());
        let wanted = full(name);
        let same = |context: &&String| {
            context.eq_ignore_ascii_case(name) || (wanted.is_some() && full(context) == wanted)
        };
        self.contexts.iter().find(same).cloned()
    }

    fn source(&self, name: &str) -> Result<Source, ParseError> {
        if let Some(name) = self.context(name) {
            return Ok(Source::Context { name });
        }
        if let Ok(index) = name.parse::<usize>() {
            return match index < self.stages.len() {
                true => Ok(Source::Stage { index }),
                false => {
                    let what = format!(
                        "invalid stage index {name}: the stages are numbered from 0 to {}",
                        self.stages.len() - 1
                    );
                    Err(ParseError::new(what).token(name))
                }
            };
        }
        let lower = name.to_lowercase();
        let named = |stage: &Option<String>| stage.as_deref() == Some(lower.as_str());
        // The nearest earlier stage of that name, else one that comes too late and is refused with the rest.
        let earlier = self.stages[..self.current].iter().rposition(named);
        if let Some(index) = earlier.or_else(|| self.stages.iter().position(named)) {
            return Ok(Source::Stage { index });
        }
        if lower == "scratch" {
            return Ok(Source::Scratch);
        }
        match Reference::parse(name) {
            Ok(reference) => Ok(Source::Image { name: name.to_owned(), reference: reference.to_string() }),
            Err(error) => {
                let hint = did_you_mean(name, self.stages.iter().flatten().map(String::as_str));
                Err(ParseError::new(format!("{name:?} is neither a stage nor an image: {error}{hint}"))
                    .token(name))
            }
        }
    }
}

/// Puts what `--from` and the mounts' `from` mean into an instruction.
pub(crate) fn resolve(
    mut op: Op,
    from: Option<&str>,
    mounts: &[ParsedMount],
    names: &Names,
) -> Result<Op, ParseError> {
    let source = match (&op, from) {
        // A trigger's names are those of the stage it will run in.
        (Op::Onbuild { .. }, Some(name)) => {
            names.source(name).ok().filter(|source| matches!(source, Source::Stage { .. }))
        }
        (_, Some(name)) => Some(names.source(name)?),
        (_, None) => None,
    };
    let mut resolved = Vec::new();
    for parsed in mounts {
        let mut mount = parsed.mount.clone();
        mount.from = parsed.from.as_deref().map(|name| names.source(name)).transpose()?;
        resolved.push(mount);
    }
    match &mut op {
        Op::Copy(copy) | Op::Add(copy) => copy.from = source,
        Op::Run { mounts, .. } => *mounts = resolved,
        Op::Onbuild { from, .. } => *from = source,
        _ => {}
    }
    Ok(op)
}

fn sources(op: &Op) -> Vec<usize> {
    let stage = |source: &Option<Source>| match source {
        Some(Source::Stage { index }) => Some(*index),
        _ => None,
    };
    match op {
        Op::Copy(copy) | Op::Add(copy) => stage(&copy.from).into_iter().collect(),
        Op::Run { mounts, .. } => mounts.iter().filter_map(|mount| stage(&mount.from)).collect(),
        _ => Vec::new(),
    }
}

/// Fills in what each stage uses, triggers of the stage below it included.
fn add_needs(stages: &mut [Stage]) -> Result<(), ParseError> {
    for index in 0..stages.len() {
        let stage = &stages[index];
        let mut needs: BTreeSet<usize> =
            stage.instructions.iter().flat_map(|inner| sources(&inner.op)).collect();
        if let Base::Stage { index: base } = stage.base {
            needs.insert(base);
            for inner in &stages[base].instructions {
                let Op::Onbuild { trigger, .. } = &inner.op else { continue };
                let run = crate::parse_trigger(trigger, stage.escape, &stage.stages, &stage.contexts);
                let run = run.map_err(|error| error.at(inner.line, inner.line_end))?;
                needs.extend(sources(&run.op));
            }
        }
        stages[index].needs = needs.into_iter().collect();
    }
    Ok(())
}

/// Refuses a stage that uses itself or a later one, at the instruction that does.
fn check_cycles(file: &Dockerfile, stages: &[Stage]) -> Result<(), ParseError> {
    let label = |index: usize| stages[index].name.clone().unwrap_or_else(|| index.to_string());
    for stage in stages {
        let Some(&late) = stage.needs.iter().find(|&&need| need >= stage.index) else { continue };
        let culprit = stage.instructions.iter().find(|inner| sources(&inner.op).contains(&late));
        let (line, line_end) =
            culprit.map_or((stage.line, stage.line_end), |inner| (inner.line, inner.line_end));
        let what = match reaches(stages, late, stage.index) {
            true => format!("circular dependency detected on stage: {}", label(stage.index)),
            false => format!(
                "cannot copy from stage {:?}, it needs to be defined before current stage {:?}",
                label(late),
                label(stage.index)
            ),
        };
        debug_assert!(stage.index < file.stages.len());
        return Err(ParseError::new(what).token(label(late)).at(line, line_end));
    }
    Ok(())
}

fn reaches(stages: &[Stage], from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(index) = todo.pop() {
        if index == to {
            return true;
        }
        if seen.insert(index) {
            todo.extend(&stages[index].needs);
        }
    }
    false
}
