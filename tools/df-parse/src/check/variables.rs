//! The rules about variables: used before they are defined, or with a default that makes no image name.

use super::rules::{INVALID_DEFAULT_ARG_IN_FROM, UNDEFINED_ARG_IN_FROM, UNDEFINED_VAR, finding};
use super::{Finding, suggestion};
use crate::dockerfile::{Dockerfile, StageItem};
use crate::instruction::Parsed;
use crate::lines::Line;
use crate::plan::{global_args, stage_name};
use crate::platform::Platform;
use crate::{Options, ParseError};
use libwire::plan::Op;
use libwire::reference::Reference;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Names that mean something without being declared.
const PREDEFINED: [&str; 13] = [
    "PATH",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "SOURCE_DATE_EPOCH",
    "HOME",
];

pub(super) fn collect(
    file: &Dockerfile,
    options: &Options,
    found: &mut Vec<Finding>,
) -> Result<(), ParseError> {
    let platform = Platform::own();
    let defaults =
        global_args(file, &Options { target: options.target.clone(), ..Options::default() }, &platform)?;
    let mut globals: BTreeSet<String> = defaults.keys().cloned().collect();
    for item in &file.globals {
        if let Parsed::Op { op: Op::Arg { args }, .. } = &item.parsed {
            globals.extend(args.iter().map(|arg| arg.name.clone()));
        }
    }
    let mut scopes: Vec<BTreeSet<String>> = Vec::new();
    for (index, stage) in file.stages.iter().enumerate() {
        let words = std::iter::once(&stage.from.image).chain(&stage.from.platform);
        for word in words {
            let names = unknown(file, word, &|name| globals.contains(name));
            for name in names {
                let detail = format!(
                    "FROM argument '{name}' is not declared{}",
                    suggestion(&name, globals.iter().map(String::as_str))
                );
                found.push(finding(UNDEFINED_ARG_IN_FROM, &stage.line, detail));
            }
        }
        let get = |name: &str| defaults.get(name).cloned();
        let image = file.expander().word(&stage.from.image, &get).unwrap_or_default();
        if stage.from.image.contains('$') && Reference::parse(&image).is_err() && image != "scratch" {
            let detail = format!(
                "Default value for ARG {} results in empty or invalid base image name",
                stage.from.image
            );
            found.push(finding(INVALID_DEFAULT_ARG_IN_FROM, &stage.line, detail));
        }
        let base =
            file.stages[..index].iter().rposition(|earlier| stage_name(earlier).as_deref() == Some(&image));
        let start = base.map_or_else(|| PREDEFINED.map(String::from).into(), |base| scopes[base].clone());
        scopes.push(stage_scope(file, stage, start, found));
    }
    Ok(())
}

/// Follows a stage and reports what it uses without having it.
fn stage_scope(
    file: &Dockerfile,
    stage: &StageItem,
    mut scope: BTreeSet<String>,
    found: &mut Vec<Finding>,
) -> BTreeSet<String> {
    for item in &stage.items {
        let Parsed::Op { op, mounts, .. } = &item.parsed else { continue };
        let mut words: Vec<&str> = Vec::new();
        match op {
            Op::Env { pairs } | Op::Label { pairs } => {
                words.extend(pairs.iter().flat_map(|pair| [pair.key.as_str(), pair.value.as_str()]));
            }
            Op::Arg { args } => words.extend(args.iter().filter_map(|arg| arg.default.as_deref())),
            Op::Workdir { path } => words.push(path),
            Op::User { user } => words.push(user),
            Op::Stopsignal { signal } => words.push(signal),
            Op::Expose { ports } => words.extend(ports.iter().map(String::as_str)),
            Op::Volume { paths } => words.extend(paths.iter().map(String::as_str)),
            Op::Copy(copy) | Op::Add(copy) => {
                words.extend(
                    copy.sources
                        .iter()
                        .chain([&copy.dest])
                        .chain(&copy.chown)
                        .chain(&copy.chmod)
                        .map(String::as_str),
                );
            }
            Op::Run { .. } => words.extend(mounts.iter().filter_map(|parsed| parsed.mount.target.as_deref())),
            _ => {}
        }
        report(file, &item.line, &words, &scope, found);
        match op {
            Op::Env { pairs } => scope.extend(pairs.iter().map(|pair| pair.key.clone())),
            Op::Arg { args } => scope.extend(args.iter().map(|arg| arg.name.clone())),
            _ => {}
        }
    }
    scope
}

fn report(
    file: &Dockerfile,
    line: &Line,
    words: &[&str],
    scope: &BTreeSet<String>,
    found: &mut Vec<Finding>,
) {
    let mut names = BTreeSet::new();
    for word in words {
        names.extend(unknown(file, word, &|name| scope.contains(name)));
    }
    for name in names {
        let detail = format!(
            "Usage of undefined variable '${name}'{}",
            suggestion(&name, scope.iter().map(String::as_str))
        );
        found.push(finding(UNDEFINED_VAR, line, detail));
    }
}

/// The names that a word uses and `known` does not have.
fn unknown(file: &Dockerfile, word: &str, known: &dyn Fn(&str) -> bool) -> Vec<String> {
    let names = RefCell::new(Vec::new());
    let get = |name: &str| {
        let variable = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if variable && !known(name) && !names.borrow().iter().any(|seen| seen == name) {
            names.borrow_mut().push(name.to_owned());
        }
        known(name).then(|| "x".to_owned())
    };
    // A word that can't be expanded is an error of the build, not a matter of style.
    let _ = file.expander().word(word, &get);
    names.into_inner()
}

/// A source path relative to the context, `.` and `..` resolved.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
