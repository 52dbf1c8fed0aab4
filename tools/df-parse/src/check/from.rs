//! The rules about FROM's variables and platform.

use super::Found;
use super::rules::{
    FROM_PLATFORM_FLAG_CONST_DISALLOWED, INVALID_BASE_IMAGE_PLATFORM, INVALID_DEFAULT_ARG_IN_FROM,
    REDUNDANT_TARGET_PLATFORM, UNDEFINED_ARG_IN_FROM,
};
use crate::args;
use crate::options::Options;
use crate::options::Values;
use libcli::nearest;
use libdockerfile::ParseError;
use libdockerfile::dockerfile::{Dockerfile, StageItem};
use libdockerfile::instruction::Parsed;
use libdockerfile::names::stage_name;
use libwire::Platform;
use libwire::plan::{Base, Op, Stage};
use libwire::reference::Reference;
use std::collections::BTreeSet;

pub(super) fn collect(file: &Dockerfile, options: &Options, found: &mut Found) -> Result<(), ParseError> {
    let platform = options.platform()?;
    // A default that cannot be expanded may never be used.
    if let Ok(defaults) = args::defaults(file, options, &platform) {
        default_images(file, &defaults, found);
    }
    let globals = args::globals(file, options, &platform)?;
    let mut known: BTreeSet<&str> = globals.keys().map(String::as_str).collect();
    for item in &file.globals {
        if let Parsed::Op { op: Op::Arg { args }, .. } = &item.parsed {
            known.extend(args.iter().map(|arg| arg.name.as_str()));
        }
    }
    for stage in &file.stages {
        for word in std::iter::once(&stage.from.image).chain(&stage.from.platform) {
            let (_, missing) = args::lookups(file, word, &|name| globals.get(name).cloned());
            for name in missing.iter().filter(|name| !known.contains(name.as_str())) {
                let near = nearest(name, known.iter().copied());
                let hint = near.map_or_else(String::new, |near| format!(" (did you mean {near}?)"));
                let detail = format!("FROM argument '{name}' is not declared{hint}");
                found.at(UNDEFINED_ARG_IN_FROM, &stage.line, detail);
            }
        }
        if let Some(word) = &stage.from.platform {
            platform_word(file, stage, word, &globals, found);
        }
    }
    Ok(())
}

/// Reports images whose platform is known and is not that of their stage. An image in place of a named context may
/// have any platform.
pub(super) fn platforms(file: &Dockerfile, options: &Options, planned: &[Stage], found: &mut Found) {
    for stage in planned {
        let image = options.bases.get(&stage.index);
        let (Base::Image { name, .. }, Some(image)) = (&stage.base, image) else { continue };
        let (os, arch) = &image.platform;
        let mut expected = stage.platform.split('/');
        let same = expected.next() == Some(os) && expected.next() == Some(arch);
        if !same && !os.is_empty() && !arch.is_empty() {
            let detail = format!(
                "Base image {name} was pulled with platform \"{os}/{arch}\", expected {:?} for current build",
                stage.platform
            );
            found.of_file(INVALID_BASE_IMAGE_PLATFORM, &file.stages[stage.index].line, detail);
        }
    }
}

fn default_images(file: &Dockerfile, defaults: &Values, found: &mut Found) {
    for stage in &file.stages {
        let Ok(image) = args::expanded(file, &stage.from.image, defaults) else { return };
        if Reference::parse(&image).is_err() {
            let detail = format!(
                "Default value for ARG {} results in empty or invalid base image name",
                stage.from.image
            );
            found.of_file(INVALID_DEFAULT_ARG_IN_FROM, &stage.line, detail);
        }
    }
}

fn platform_word(file: &Dockerfile, stage: &StageItem, word: &str, globals: &Values, found: &mut Found) {
    let (matched, missing) = args::lookups(file, word, &|name| globals.get(name).cloned());
    let Ok(value) = args::expanded(file, word, globals) else { return };
    let only_target = matched.iter().eq(["TARGETPLATFORM"]) && missing.is_empty();
    if only_target && globals.get("TARGETPLATFORM") == Some(&value) {
        let detail = format!(
            "Setting platform to predefined {word} in FROM is redundant as this is the default behavior"
        );
        found.at(REDUNDANT_TARGET_PLATFORM, &stage.line, detail);
    }
    let constant = matched.is_empty() && missing.is_empty();
    if let (true, Ok(platform)) = (constant, value.parse::<Platform>()) {
        let name = stage_name(stage).unwrap_or_default();
        if !name.contains(&platform.os) && !name.contains(&platform.architecture) {
            let detail = format!("FROM --platform flag should not use constant value {value:?}");
            found.at(FROM_PLATFORM_FLAG_CONST_DISALLOWED, &stage.line, detail);
        }
    }
}
