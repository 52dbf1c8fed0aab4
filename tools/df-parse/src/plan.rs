//! Makes the plan of a parsed Dockerfile: the base of each stage, and the stages that the target needs.

use crate::args;
use crate::options::{Extent, Options, Values};
use crate::{epoch, layers, order, refusals, until};
use libcli::did_you_mean;
use libdockerfile::ParseError;
use libdockerfile::dockerfile::{Dockerfile, StageItem};
use libdockerfile::instruction::Parsed;
use libdockerfile::names::{Names, named, resolve, stage_name};
use libwire::Platform;
use libwire::plan::{Base, Instruction, Stage};

/// The plan: a record for each stage that the target needs. A stage comes after those it uses.
pub fn plan(file: &Dockerfile, options: &Options) -> Result<Vec<Stage>, ParseError> {
    planned(file, options, Extent::Needed)
}

/// The plan, after a check of the words of the stages in `extent`. A build checks only the needed stages.
pub(crate) fn planned(
    file: &Dockerfile,
    options: &Options,
    extent: Extent,
) -> Result<Vec<Stage>, ParseError> {
    let platform = options.platform()?;
    let globals = args::globals(file, options, &platform)?;
    let epoch = epoch::seconds(file, options, &globals)?;
    let mut stages = Vec::new();
    for index in 0..file.stages.len() {
        let stage = stage(file, options, index, &globals, &platform)?;
        stages.push(Stage { epoch, ..stage });
    }
    let mut target = target_index(file, options)?;
    if let Some(until) = &options.until {
        let end = until::parse(file, until, target)?;
        if let Some(named) = options.target.as_ref().filter(|named| !named.is_empty() && end.stage != target)
        {
            let own = stage_name(&file.stages[end.stage]).unwrap_or_else(|| end.stage.to_string());
            return Err(ParseError::new(format!(
                "--until {until}: that is in stage {own}, and the target is {named}; leave one of them out"
            )));
        }
        target = end.stage;
        until::cut(end, &file.stages[target], &mut stages[target])?;
    }
    order::add_needs(&mut stages, &options.bases)?;
    let needed = order::needed(&stages, target);
    order::check(&stages, &needed)?;
    let mut ships = Some(target);
    while let Some(index) = ships {
        stages[index].ships = true;
        ships = match stages[index].base {
            Base::Stage { index } => Some(index),
            _ => None,
        };
    }
    stages[target].target = true;
    // The base may be for another platform; the image is for this one.
    stages[target].image_platform = options.platform.as_ref().map(|_| platform.to_string());
    let wanted = |index| extent == Extent::AllStages || needed.contains(&index);
    refusals::check(file, &stages, &options.bases, wanted)?;
    layers::check(&stages, &options.bases, wanted)?;
    stages.retain(|stage| needed.contains(&stage.index));
    possible(file, options, &stages)?;
    Ok(stages)
}

/// Refuses a stage for a system whose images cannot be built here.
fn possible(file: &Dockerfile, options: &Options, stages: &[Stage]) -> Result<(), ParseError> {
    for stage in stages {
        let own = stage.platform.parse::<Platform>().ok();
        let image = options.bases.get(&stage.index);
        let image = image.map(|image| Platform::normal(&image.platform.0, &image.platform.1, None));
        let Some(what) = own.iter().chain(&image).find_map(Platform::impossible) else { continue };
        let from = &file.stages[stage.index].from;
        let token = from.platform.as_ref().unwrap_or(&from.image);
        return Err(ParseError::new(what).token(token).at(stage.line, stage.line_end));
    }
    Ok(())
}

fn target_index(file: &Dockerfile, options: &Options) -> Result<usize, ParseError> {
    let Some(target) = options.target.as_deref().filter(|target| !target.is_empty()) else {
        return Ok(file.stages.len() - 1);
    };
    named(file, target)
}

fn stage(
    file: &Dockerfile,
    options: &Options,
    index: usize,
    globals: &Values,
    target: &Platform,
) -> Result<Stage, ParseError> {
    let item = &file.stages[index];
    let place = |error: ParseError| error.at(item.line.line, item.line.line_end);
    let names: Vec<Option<String>> = file.stages.iter().map(stage_name).collect();
    let scope = Names { stages: &names, contexts: &options.contexts, current: index };
    let mut base = base(file, item, globals, &scope).map_err(place)?;
    let platform = stage_platform(file, item, globals, target).map_err(place)?;
    // An empty tree has the platform of the build, whatever FROM says.
    let platform = if base == Base::Scratch { target.clone() } else { platform };
    let mut instructions = instructions(item, &scope)?;
    // A context with the name of a stage replaces the whole stage.
    if let Some(name) = names[index].as_deref().and_then(|name| scope.context(name)) {
        base = Base::Context { name };
        instructions.clear();
    }
    Ok(Stage {
        index,
        name: stage_name(item),
        dockerfile: options.name.clone(),
        line: item.line.line,
        line_end: item.line.line_end,
        text: item.line.text.clone(),
        lines: item.line.written.clone(),
        base,
        platform: platform.to_string(),
        image_platform: None,
        epoch: None,
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

fn instructions(item: &StageItem, scope: &Names) -> Result<Vec<Instruction>, ParseError> {
    let mut instructions = Vec::new();
    for inner in &item.items {
        let Parsed::Op { op, from, mounts, .. } = &inner.parsed else { continue };
        let (line, line_end) = (inner.line.line, inner.line.line_end);
        let op = resolve(op.clone(), from.as_deref(), mounts, scope);
        let op = op.map_err(|error| error.at(line, line_end))?;
        let (text, lines) = (inner.line.text.clone(), inner.line.written.clone());
        instructions.push(Instruction { line, line_end, text, lines, op });
    }
    Ok(instructions)
}

fn stage_platform(
    file: &Dockerfile,
    item: &StageItem,
    globals: &Values,
    target: &Platform,
) -> Result<Platform, ParseError> {
    let Some(text) = &item.from.platform else { return Ok(target.clone()) };
    let value = args::expanded(file, text, globals).map_err(|error| ParseError::from(&error))?;
    if value.is_empty() {
        let hint = unset_hint(file, text, globals);
        return Err(
            ParseError::new(format!("empty platform value from expression {text}{hint}")).token(text.clone())
        );
    }
    value.parse().map_err(|what: String| {
        ParseError::new(what + &suggestion(file, text, globals).unwrap_or_default()).token(text.clone())
    })
}

fn base(file: &Dockerfile, item: &StageItem, globals: &Values, scope: &Names) -> Result<Base, ParseError> {
    let written = &item.from.image;
    let name = args::expanded(file, written, globals).map_err(|error| ParseError::from(&error))?;
    if name.trim().is_empty() {
        let hint = unset_hint(file, written, globals);
        let what = format!("base name ({written}) should not be blank{hint}");
        return Err(ParseError::new(what).token(written.clone()));
    }
    scope.base(name, written).map_err(|error| {
        let unset = args::lookups(file, written, &|name| globals.get(name).cloned()).1;
        match unset.first() {
            None => error,
            Some(unset) => {
                let hint = unset_hint(file, written, globals);
                let what = format!("{written:?} is not an image name without a value for {unset}{hint}");
                ParseError::new(what).token(error.token)
            }
        }
    })
}

/// The advice for a FROM that expands to nothing.
fn unset_hint(file: &Dockerfile, word: &str, globals: &Values) -> String {
    let (_, missing) = args::lookups(file, word, &|name| globals.get(name).cloned());
    let name = missing.first().map_or("it", String::as_str);
    suggestion(file, word, globals).unwrap_or_else(|| {
        format!(
            "; {name} has no value here, because FROM sees only the ARGs before the first FROM; give it one there"
        )
    })
}

/// The hint `; did you mean X?` for an undefined variable in the word.
fn suggestion(file: &Dockerfile, word: &str, globals: &Values) -> Option<String> {
    let (_, missing) = args::lookups(file, word, &|name| globals.get(name).cloned());
    let hint = |name: &String| did_you_mean(name, globals.keys().map(String::as_str));
    missing.iter().map(hint).find(|hint| !hint.is_empty())
}
