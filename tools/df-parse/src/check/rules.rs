//! The rules that look at one instruction or at how instructions stand together.

use super::{Finding, Rule};
use crate::dockerfile::{Dockerfile, Item, StageItem};
use crate::instruction::Parsed;
use crate::lines::Line;
use crate::plan::stage_name;
use crate::words::name_and_rest;
use libpattern::{Matcher, has_wildcards};
use libwire::plan::{Command, Op};
use std::collections::{BTreeMap, BTreeSet};

macro_rules! rules {
    ($($ident:ident $name:literal $description:literal;)*) => {
        $(pub(crate) const $ident: Rule = Rule { name: $name, description: $description };)*
    };
}

rules! {
    STAGE_NAME_CASING "StageNameCasing" "Stage names should be lowercase";
    FROM_AS_CASING "FromAsCasing" "The 'as' keyword should match the case of the 'from' keyword";
    NO_EMPTY_CONTINUATION "NoEmptyContinuation" "Empty continuation lines will become errors in a future release";
    CONSISTENT_INSTRUCTION_CASING "ConsistentInstructionCasing" "All commands within the Dockerfile should use the same casing (either upper or lower)";
    DUPLICATE_STAGE_NAME "DuplicateStageName" "Stage names should be unique";
    RESERVED_STAGE_NAME "ReservedStageName" "Reserved words should not be used as stage names";
    JSON_ARGS_RECOMMENDED "JSONArgsRecommended" "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals";
    MAINTAINER_DEPRECATED "MaintainerDeprecated" "The MAINTAINER instruction is deprecated, use a label instead to define an image author";
    WORKDIR_RELATIVE_PATH "WorkdirRelativePath" "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes";
    MULTIPLE_INSTRUCTIONS_DISALLOWED "MultipleInstructionsDisallowed" "Multiple instructions of the same type should not be used in the same stage";
    LEGACY_KEY_VALUE_FORMAT "LegacyKeyValueFormat" "Legacy key/value format with whitespace separator should not be used";
    REDUNDANT_TARGET_PLATFORM "RedundantTargetPlatform" "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior";
    SECRETS_USED_IN_ARG_OR_ENV "SecretsUsedInArgOrEnv" "Sensitive data should not be used in the ARG or ENV commands";
    FROM_PLATFORM_FLAG_CONST_DISALLOWED "FromPlatformFlagConstDisallowed" "FROM --platform flag should not use a constant value";
    COPY_IGNORED_FILE "CopyIgnoredFile" "Attempting to Copy file that is excluded by .dockerignore";
    INVALID_DEFINITION_DESCRIPTION "InvalidDefinitionDescription" "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.";
    EXPOSE_PROTO_CASING "ExposeProtoCasing" "Protocol in EXPOSE instruction should be lowercase";
    EXPOSE_INVALID_FORMAT "ExposeInvalidFormat" "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release";
    UNDEFINED_ARG_IN_FROM "UndefinedArgInFrom" "FROM command must use declared ARGs";
    UNDEFINED_VAR "UndefinedVar" "Variables should be defined before their use";
    INVALID_DEFAULT_ARG_IN_FROM "InvalidDefaultArgInFrom" "Default value for global ARG results in an empty or invalid base image name";
}

pub(super) fn finding(rule: Rule, line: &Line, detail: String) -> Finding {
    Finding { rule, detail, line: line.line, line_end: line.line_end }
}

pub(super) fn collect(file: &Dockerfile, ignored: &Matcher, found: &mut Vec<Finding>) {
    casing(file, found);
    for line in super::lines(file) {
        if line.blank_inside {
            // BuildKit points at the last line of the instruction.
            let place = Line { line: line.line_end, ..line.clone() };
            found.push(finding(NO_EMPTY_CONTINUATION, &place, "Empty continuation line".into()));
        }
    }
    for item in &file.globals {
        arg_description(item, found);
    }
    let mut names = BTreeSet::new();
    for stage in &file.stages {
        from(stage, &mut names, found);
        stage_items(stage, ignored, found);
    }
    relative_workdirs(file, found);
}

fn casing(file: &Dockerfile, found: &mut Vec<Finding>) {
    let word = |line: &Line| name_and_rest(&line.text).0.to_owned();
    let (mut upper, mut lower) = (0, 0);
    for line in super::lines(file) {
        let word = word(line);
        upper += usize::from(word == word.to_uppercase());
        lower += usize::from(word == word.to_lowercase());
    }
    let majority = if lower > upper { "lowercase" } else { "uppercase" };
    for line in super::lines(file) {
        let word = word(line);
        let right = if lower > upper { word.to_lowercase() } else { word.to_uppercase() };
        if word != right {
            let detail =
                format!("Command '{word}' should match the case of the command majority ({majority})");
            found.push(finding(CONSISTENT_INSTRUCTION_CASING, line, detail));
        }
    }
}

fn from(stage: &StageItem, names: &mut BTreeSet<String>, found: &mut Vec<Finding>) {
    let line = &stage.line;
    let mut add = |rule, detail| found.push(finding(rule, line, detail));
    if let Some((name, keyword)) = &stage.from.name {
        let lower = name.to_lowercase();
        if *name != lower {
            add(STAGE_NAME_CASING, format!("Stage name '{name}' should be lowercase"));
        }
        let from = name_and_rest(&line.text).0;
        let upper = from == from.to_uppercase();
        if *keyword != if upper { keyword.to_uppercase() } else { keyword.to_lowercase() } {
            add(FROM_AS_CASING, format!("'{keyword}' and '{from}' keywords' casing do not match"));
        }
        if ["scratch", "context"].contains(&lower.as_str()) {
            add(
                RESERVED_STAGE_NAME,
                format!("Stage name should not use the same name as reserved stage {lower:?}"),
            );
        }
        if !names.insert(lower.clone()) {
            add(DUPLICATE_STAGE_NAME, format!("Duplicate stage name {name:?}, stage names should be unique"));
        }
        if let Some(comment) = line.comments.last()
            && comment.split_whitespace().next() != Some(name)
            && !comment.starts_with("check=")
        {
            add(INVALID_DEFINITION_DESCRIPTION, description("stage", name));
        }
    }
    if let Some(platform) = &stage.from.platform {
        if ["$TARGETPLATFORM", "${TARGETPLATFORM}"].contains(&platform.as_str()) {
            let detail = format!(
                "Setting platform to predefined {platform} in FROM is redundant as this is the default behavior"
            );
            add(REDUNDANT_TARGET_PLATFORM, detail);
        } else if !platform.contains('$') && !names_platform(stage, platform) {
            let detail = format!("FROM --platform flag should not use constant value {platform:?}");
            add(FROM_PLATFORM_FLAG_CONST_DISALLOWED, detail);
        }
    }
}

fn names_platform(stage: &StageItem, platform: &str) -> bool {
    let name = stage_name(stage).unwrap_or_default();
    platform.split('/').take(2).any(|part| name.contains(&part.to_lowercase()))
}

fn description(what: &str, name: &str) -> String {
    format!("Comment for build {what} should follow the format: `# {name} <description>`")
}

fn arg_description(item: &Item, found: &mut Vec<Finding>) {
    let Parsed::Op { op: Op::Arg { args }, .. } = &item.parsed else { return };
    let Some(comment) = item.line.comments.last().filter(|comment| !comment.starts_with("check=")) else {
        return;
    };
    let first = comment.split_whitespace().next().unwrap_or_default();
    if let Some(arg) = args.first().filter(|_| !args.iter().any(|arg| arg.name == first)) {
        found.push(finding(INVALID_DEFINITION_DESCRIPTION, &item.line, description("argument", &arg.name)));
    }
}

fn stage_items(stage: &StageItem, ignored: &Matcher, found: &mut Vec<Finding>) {
    let has_shell =
        stage.items.iter().any(|item| matches!(&item.parsed, Parsed::Op { op: Op::Shell { .. }, .. }));
    let mut last: BTreeMap<&str, &Line> = BTreeMap::new();
    for item in &stage.items {
        let Parsed::Op { op, from, legacy, .. } = &item.parsed else { continue };
        let line = &item.line;
        let mut add = |rule, detail| found.push(finding(rule, line, detail));
        if let Op::Cmd { command: Command::Shell(_) } | Op::Entrypoint { command: Command::Shell(_) } = op
            && !has_shell
        {
            let word = name_and_rest(&line.text).0.to_uppercase();
            let detail = format!(
                "JSON arguments recommended for {word} to prevent unintended behavior related to OS signals"
            );
            add(JSON_ARGS_RECOMMENDED, detail);
        }
        match op {
            Op::Maintainer { name } => add(
                MAINTAINER_DEPRECATED,
                format!(
                    "Maintainer instruction is deprecated in favor of using label: LABEL org.opencontainers.image.authors={name:?}"
                ),
            ),
            Op::Env { pairs } => {
                for pair in pairs.iter().filter(|pair| is_secret(&pair.key)) {
                    add(SECRETS_USED_IN_ARG_OR_ENV, secret("ENV", &pair.key));
                }
            }
            Op::Arg { args } => {
                for arg in args.iter().filter(|arg| is_secret(&arg.name)) {
                    add(SECRETS_USED_IN_ARG_OR_ENV, secret("ARG", &arg.name));
                }
                arg_description(item, found);
            }
            Op::Expose { ports } => ports.iter().for_each(|port| expose(port, &mut add)),
            Op::Copy(copy) | Op::Add(copy) if from.is_none() && !ignored.has_exceptions() => {
                for source in &copy.sources {
                    let clean = crate::check::variables::clean(source);
                    if !has_wildcards(source.as_bytes())
                        && !source.contains("://")
                        && ignored.matches(clean.as_bytes())
                    {
                        let word = if matches!(op, Op::Add(_)) { "Add" } else { "Copy" };
                        let detail =
                            format!("Attempting to {word} file {source:?} that is excluded by .dockerignore");
                        add(COPY_IGNORED_FILE, detail);
                    }
                }
            }
            _ => {}
        }
        if *legacy {
            let word = name_and_rest(&line.text).0.to_uppercase();
            let detail =
                format!("\"{word} key=value\" should be used instead of legacy \"{word} key value\" format");
            found.push(finding(LEGACY_KEY_VALUE_FORMAT, line, detail));
        }
        let once = match op {
            Op::Cmd { .. } => Some("CMD"),
            Op::Entrypoint { .. } => Some("ENTRYPOINT"),
            Op::Healthcheck { .. } => Some("HEALTHCHECK"),
            _ => None,
        };
        if let Some(word) = once
            && let Some(earlier) = last.insert(word, line)
        {
            let detail = format!(
                "Multiple {word} instructions should not be used in the same stage because only the last one will be used"
            );
            found.push(finding(MULTIPLE_INSTRUCTIONS_DISALLOWED, earlier, detail));
        }
    }
}

fn secret(word: &str, name: &str) -> String {
    format!("Do not use ARG or ENV instructions for sensitive data ({word} {name:?})")
}

/// Whether a name has one of the tell-tale words, and none that says it's public.
fn is_secret(name: &str) -> bool {
    const TELL: [&str; 11] = [
        "apikey",
        "auth",
        "credential",
        "credentials",
        "key",
        "password",
        "pword",
        "passwd",
        "secret",
        "token",
        "pass",
    ];
    let lower = name.to_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    has(&TELL[..10]) && !has(&["public", "file", "version"])
}

fn expose(port: &str, add: &mut dyn FnMut(Rule, String)) {
    let (numbers, proto) = port.split_once('/').unwrap_or((port, ""));
    if proto != proto.to_lowercase() && !proto.contains('$') {
        let detail = format!("Defined protocol '{proto}' in EXPOSE instruction should be lowercase");
        add(EXPOSE_PROTO_CASING, detail);
    }
    if numbers.contains(':') && !numbers.contains('$') {
        let detail = format!(
            "EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
        );
        add(EXPOSE_INVALID_FORMAT, detail);
    }
}

/// The first WORKDIR of a chain of stages should be absolute.
fn relative_workdirs(file: &Dockerfile, found: &mut Vec<Finding>) {
    let mut set: Vec<bool> = Vec::new();
    for (index, stage) in file.stages.iter().enumerate() {
        let base = file.stages[..index]
            .iter()
            .rposition(|earlier| stage_name(earlier).as_deref() == Some(&stage.from.image));
        let mut known = base.is_some_and(|base| set[base]);
        for item in &stage.items {
            let Parsed::Op { op: Op::Workdir { path }, .. } = &item.parsed else { continue };
            let absolute = path.starts_with(['/', '$', '"', '\'', '\\']) || path.get(1..2) == Some(":");
            if !known && !absolute {
                let detail = format!(
                    "Relative workdir {path:?} can have unexpected results if the base image changes"
                );
                found.push(finding(WORKDIR_RELATIVE_PATH, &item.line, detail));
            }
            known = true;
        }
        set.push(known);
    }
}
