//! SOURCE_DATE_EPOCH: a number of seconds, or a request for the time of the build context, of a named context, or of
//! the source of an ADD. This module does not look times up.

use crate::args;
use crate::options::Options;
use crate::options::Values;
use libdockerfile::ParseError;
use libdockerfile::dockerfile::{Dockerfile, StageItem};
use libdockerfile::instruction::Parsed;
use libdockerfile::names::stage_name;
use libwire::plan::Op;

pub(crate) const NAME: &str = "SOURCE_DATE_EPOCH";

/// The meaning of SOURCE_DATE_EPOCH.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Epoch {
    /// It is not set.
    #[default]
    Unset,
    /// Seconds since 1970.
    Seconds(i64),
    /// The time of the build context.
    Context,
    /// The time of a named context.
    Named(String),
    /// The time of the file or repository at a URL.
    Url(String),
}

/// The seconds in a plan. A requested time must have been looked up before.
pub(crate) fn seconds(
    file: &Dockerfile,
    options: &Options,
    globals: &Values,
) -> Result<Option<i64>, ParseError> {
    match epoch(file, options, globals)? {
        Epoch::Unset => Ok(None),
        Epoch::Seconds(seconds) => Ok(Some(seconds)),
        _ => {
            let what =
                "has to be looked up; give the seconds, as image-build does with the help of --summary";
            Err(ParseError::new(format!("{NAME} {what}")))
        }
    }
}

/// The meaning of SOURCE_DATE_EPOCH: the build argument, or else the value of an ARG before the first FROM. If a
/// context and a stage have the same name, the context counts.
pub fn epoch(file: &Dockerfile, options: &Options, globals: &Values) -> Result<Epoch, ParseError> {
    let value = options.build_args.get(NAME).or_else(|| globals.get(NAME)).filter(|value| !value.is_empty());
    let Some(value) = value else { return Ok(Epoch::Unset) };
    if let Ok(seconds) = value.parse() {
        return Ok(Epoch::Seconds(seconds));
    }
    if value == "context" {
        return Ok(Epoch::Context);
    }
    if let Some(name) = options.contexts.iter().find(|name| name.eq_ignore_ascii_case(value)) {
        return Ok(Epoch::Named(name.clone()));
    }
    let lower = value.to_lowercase();
    match file.stages.iter().find(|stage| stage_name(stage).as_deref() == Some(&lower)) {
        Some(stage) => added(file, stage, options, globals),
        None => {
            let what = "is not a number of seconds since 1970, a context or a stage";
            Err(ParseError::new(format!("invalid {NAME}: {value:?} {what}")))
        }
    }
}

/// The URL in the stage's only instruction besides ARG.
fn added(
    file: &Dockerfile,
    stage: &StageItem,
    options: &Options,
    globals: &Values,
) -> Result<Epoch, ParseError> {
    let refuse = |what: &str, line: &libdockerfile::lines::Line| {
        ParseError::new(format!("{NAME} stage {what}")).at(line.line, line.line_end)
    };
    let mut values = globals.clone();
    values.remove(NAME);
    let expand = |word: &str, values: &Values, line: &libdockerfile::lines::Line| {
        args::expanded(file, word, values)
            .map_err(|error| ParseError::from(&error).at(line.line, line.line_end))
    };
    if expand(&stage.from.image, &values, &stage.line)? != "scratch" {
        return Err(refuse("must use FROM scratch", &stage.line));
    }
    let mut url = None;
    for item in &stage.items {
        match &item.parsed {
            Parsed::Op { op: Op::Arg { args }, .. } => {
                for arg in args {
                    let value = match (options.build_args.get(&arg.name), &arg.default) {
                        (Some(given), _) => given.clone(),
                        (None, Some(default)) => expand(default, &values, &item.line)?,
                        (None, None) => continue,
                    };
                    values.insert(arg.name.clone(), value);
                }
            }
            Parsed::Op { op: Op::Add(add), .. } if url.is_none() && add.heredocs.is_empty() => {
                let [source] = &add.sources[..] else {
                    return Err(refuse("must contain exactly one remote ADD source", &item.line));
                };
                let source = expand(source, &values, &item.line)?;
                if source.contains(char::is_control) {
                    return Err(refuse("has control characters in its URL", &item.line));
                }
                url = Some(source);
            }
            _ => return Err(refuse("may have nothing but ARG and one ADD of a URL", &item.line)),
        }
    }
    url.map(Epoch::Url).ok_or_else(|| refuse("must contain exactly one remote ADD", &stage.line))
}
