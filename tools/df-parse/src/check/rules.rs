//! The rules, and those about the text of the file: names, casing, comments.

use super::{Found, stage_lines};
use libdockerfile::dockerfile::{Dockerfile, Item, StageItem};
use libdockerfile::instruction::Parsed;
use libdockerfile::lines::Line;
use libdockerfile::names::stage_name;
use libdockerfile::words::name_and_rest;
use libwire::plan::Op;
use std::collections::BTreeSet;

/// A rule: its name and its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name in `# check=skip=NAME`.
    pub name: &'static str,
    /// The description, one sentence.
    pub description: &'static str,
    /// Whether it is off by default and needs `# check=experimental=NAME`.
    pub experimental: bool,
    /// Whether the rule is ours and not BuildKit's.
    pub own: bool,
}

macro_rules! rules {
    ($($ident:ident $name:literal $description:literal;)*) => {
        $(pub(super) const $ident: Rule =
            Rule { name: $name, description: $description, experimental: false, own: false };)*
    };
}

/// Rules of our own.
macro_rules! own_rules {
    ($($ident:ident $name:literal $description:literal;)*) => {
        $(const $ident: Rule = Rule { name: $name, description: $description, experimental: false, own: true };)*
    };
}
pub(super) use own_rules;

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
    EXPOSE_PROTO_CASING "ExposeProtoCasing" "Protocol in EXPOSE instruction should be lowercase";
    EXPOSE_INVALID_FORMAT "ExposeInvalidFormat" "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release";
    UNDEFINED_ARG_IN_FROM "UndefinedArgInFrom" "FROM command must use declared ARGs";
    UNDEFINED_VAR "UndefinedVar" "Variables should be defined before their use";
    INVALID_BASE_IMAGE_PLATFORM "InvalidBaseImagePlatform" "Base image platform does not match expected target platform";
    INVALID_DEFAULT_ARG_IN_FROM "InvalidDefaultArgInFrom" "Default value for global ARG results in an empty or invalid base image name";
}

pub(super) const INVALID_DEFINITION_DESCRIPTION: Rule = Rule {
    name: "InvalidDefinitionDescription",
    description: "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    experimental: true,
    own: false,
};

pub(super) fn collect(file: &Dockerfile, found: &mut Found) {
    casing(file, found);
    for line in file.globals.iter().map(|item| &item.line).chain(stage_lines(file)) {
        if line.blank_inside {
            // BuildKit points at the last line of the text.
            let place = Line { line: line.text_end, line_end: line.text_end, ..line.clone() };
            found.of_file(NO_EMPTY_CONTINUATION, &place, "Empty continuation line".into());
        }
    }
    for item in &file.globals {
        arg_description(item, found);
    }
    let mut names = BTreeSet::new();
    for stage in &file.stages {
        stage_names(stage, &mut names, found);
        for item in &stage.items {
            arg_description(item, found);
            maintainer(item, found);
        }
    }
}

fn casing(file: &Dockerfile, found: &mut Found) {
    let word = |line: &Line| name_and_rest(&line.text).0.to_owned();
    let (mut upper, mut lower) = (0, 0);
    for line in stage_lines(file) {
        let word = word(line);
        upper += usize::from(word == word.to_uppercase());
        lower += usize::from(word == word.to_lowercase());
    }
    let majority = if lower > upper { "lowercase" } else { "uppercase" };
    for line in stage_lines(file) {
        let word = word(line);
        let right = if lower > upper { word.to_lowercase() } else { word.to_uppercase() };
        if word != right {
            let detail =
                format!("Command '{word}' should match the case of the command majority ({majority})");
            found.of_file(CONSISTENT_INSTRUCTION_CASING, line, detail);
        }
    }
}

fn stage_names(stage: &StageItem, names: &mut BTreeSet<String>, found: &mut Found) {
    let line = &stage.line;
    let (Some((name, keyword)), Some(lower)) = (&stage.from.name, stage_name(stage)) else { return };
    if *name != lower {
        found.at(STAGE_NAME_CASING, line, format!("Stage name '{name}' should be lowercase"));
    }
    let from = name_and_rest(&line.text).0;
    let wanted = match from {
        from if from == from.to_lowercase() => keyword.to_lowercase(),
        from if from == from.to_uppercase() => keyword.to_uppercase(),
        // Another rule covers mixed casing.
        _ => keyword.clone(),
    };
    if *keyword != wanted {
        let detail = format!("'{keyword}' and '{from}' keywords' casing do not match");
        found.at(FROM_AS_CASING, line, detail);
    }
    definition("FROM", &[&lower], line, found);
    if ["scratch", "context"].contains(&lower.as_str()) {
        let detail = format!("Stage name should not use the same name as reserved stage {lower:?}");
        found.of_file(RESERVED_STAGE_NAME, line, detail);
    }
    if !names.insert(lower.clone()) {
        let detail = format!("Duplicate stage name {lower:?}, stage names should be unique");
        found.of_file(DUPLICATE_STAGE_NAME, line, detail);
    }
}

fn arg_description(item: &Item, found: &mut Found) {
    if let Parsed::Op { op: Op::Arg { args }, .. } = &item.parsed {
        let names: Vec<_> = args.iter().map(|arg| arg.name.as_str()).collect();
        definition("ARG", &names, &item.line, found);
    }
}

/// Checks that the last comment above a definition begins with the name of what it defines.
fn definition(instruction: &str, names: &[&str], line: &Line, found: &mut Found) {
    let Some(comment) = line.comments.last() else { return };
    if comment.split(' ').next().is_some_and(|first| names.contains(&first)) {
        return;
    }
    let example = if let [name] = names { name } else { "<arg_key>" };
    let detail = format!("Comment for {instruction} should follow the format: `# {example} <description>`");
    found.at(INVALID_DEFINITION_DESCRIPTION, line, detail);
}

fn maintainer(item: &Item, found: &mut Found) {
    if let Parsed::Op { op: Op::Maintainer { .. }, .. } = &item.parsed {
        let detail = "Maintainer instruction is deprecated in favor of using label".into();
        found.at(MAINTAINER_DEPRECATED, &item.line, detail);
    }
}
