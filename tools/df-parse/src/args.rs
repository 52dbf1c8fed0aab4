//! Arguments of the whole file: the ARGs before the first FROM, and the automatic ones.

use crate::options::{Options, Values};
use libcli::did_you_mean;
use libdockerfile::ParseError;
use libdockerfile::dockerfile::{Dockerfile, Item};
use libdockerfile::expand::{ExpandError, Lookup};
use libdockerfile::instruction::Parsed;
use libdockerfile::names::stage_name;
use libwire::Platform;
use libwire::plan::Op;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The values of the ARGs before FROM, and of the automatic platform arguments.
pub(crate) fn globals(file: &Dockerfile, options: &Options, target: &Platform) -> Result<Values, ParseError> {
    declared(file, automatic(file, options, target), &options.build_args)
}

/// The same values without build arguments.
pub(crate) fn defaults(
    file: &Dockerfile,
    options: &Options,
    target: &Platform,
) -> Result<Values, ParseError> {
    declared(file, automatic(file, options, target), &Values::new())
}

fn declared(file: &Dockerfile, mut values: Values, given: &Values) -> Result<Values, ParseError> {
    for item in &file.globals {
        let Parsed::Op { op: Op::Arg { args }, .. } = &item.parsed else { continue };
        for arg in args {
            let value = match (given.get(&arg.name), &arg.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(expanded(file, default, &values).map_err(|e| at(item, &e))?),
                (None, None) => None,
            };
            values.extend(value.map(|value| (arg.name.clone(), value)));
        }
    }
    Ok(values)
}

/// The automatic arguments, after those that the caller overrides.
fn automatic(file: &Dockerfile, options: &Options, target: &Platform) -> Values {
    let mut values = Values::new();
    for (prefix, platform) in [("TARGET", target), ("BUILD", &Platform::host())] {
        let variant = platform.variant.clone().unwrap_or_default();
        let pairs = [
            ("PLATFORM", platform.to_string()),
            ("OS", platform.os.clone()),
            ("OSVERSION", String::new()),
            ("ARCH", platform.architecture.clone()),
            ("VARIANT", variant),
        ];
        values.extend(pairs.map(|(name, value)| (format!("{prefix}{name}"), value)));
    }
    let asked = options.target.clone().filter(|target| !target.is_empty());
    let stage = asked.or_else(|| file.stages.last().and_then(stage_name));
    values.insert("TARGETSTAGE".into(), stage.unwrap_or_else(|| "default".into()));
    for (name, value) in &mut values {
        if let Some(given) = options.build_args.get(name) {
            value.clone_from(given);
        }
    }
    values
}

/// The messages for build arguments that no ARG of the file takes.
pub(crate) fn unused(file: &Dockerfile, options: &Options) -> Vec<String> {
    const ALWAYS: [&str; 6] =
        ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "source_date_epoch"];
    let items = file.globals.iter().chain(file.stages.iter().flat_map(|stage| &stage.items));
    let declared: BTreeSet<&str> = items
        .filter_map(|item| match &item.parsed {
            Parsed::Op { op: Op::Arg { args }, .. } => Some(args.iter().map(|arg| arg.name.as_str())),
            _ => None,
        })
        .flatten()
        .collect();
    let automatic =
        options.platform().map(|platform| automatic(file, options, &platform)).unwrap_or_default();
    let taken = |name: &str| {
        declared.contains(name)
            || automatic.contains_key(name)
            || name.starts_with("BUILDKIT_")
            || ALWAYS.iter().any(|always| name.eq_ignore_ascii_case(always))
    };
    let words = |name: &String| {
        let hint = did_you_mean(name, declared.iter().copied());
        format!("--build-arg {name}: the Dockerfile has no ARG of this name{hint}")
    };
    options.build_args.keys().filter(|name| !taken(name)).map(words).collect()
}

fn at(item: &Item, error: &ExpandError) -> ParseError {
    ParseError::from(error).at(item.line.line, item.line.line_end)
}

/// A word with its variables expanded.
pub(crate) fn expanded(file: &Dockerfile, word: &str, values: &Values) -> Result<String, ExpandError> {
    file.expander().word(word, &|name| values.get(name).cloned())
}

/// The variables that are known, and those that are not.
pub(crate) type Lookups = (BTreeSet<String>, BTreeSet<String>);

/// The variables that a word uses: those in `known`, and the others.
pub(crate) fn lookups(file: &Dockerfile, word: &str, known: Lookup) -> Lookups {
    // A word that cannot be expanded is an error of the build, and is reported there.
    record(known, |get| drop(file.expander().word(word, get)))
}

/// The same for a here-document.
pub(crate) fn body_lookups(file: &Dockerfile, body: &str, known: Lookup) -> Lookups {
    record(known, |get| drop(file.expander().heredoc_body(body, get)))
}

fn record(known: Lookup, expand: impl FnOnce(Lookup)) -> Lookups {
    let (found, missing) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    expand(&|name: &str| {
        let value = known(name);
        let set = if value.is_some() { &found } else { &missing };
        set.borrow_mut().insert(name.to_owned());
        value
    });
    (found.into_inner(), missing.into_inner())
}
