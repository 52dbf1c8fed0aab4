//! Finds options that contradict each other. Options that describe an image or its steps may stand beside an option
//! with which no image is made, so that this option can be added to a command line. Options for something that is then
//! not made are refused.

use crate::output::{self, Output};
use crate::values::{all, flag, last};
use clap::ArgMatches;
use libcli::Failure;

/// Options that need a finished image.
const WRITTEN: [&str; 5] = ["output", "iidfile", "metadata-file", "push", "load"];
/// Options that need steps to run.
const BUILT: [&str; 6] = ["keep", "trace", "explain", "shell", "shell-on-fail", "lock"];

/// Refuses an option that would be ignored because of another.
pub fn check(matches: &ArgMatches, outputs: &[Output]) -> Result<(), Failure> {
    let value = |name: &str| last(matches, name).map(|value| value.to_string_lossy().into_owned());
    let on = |name: &str| flag(matches, name).unwrap_or_default();
    let call = method(matches, on("check"))?;
    if let Some(call) = call.filter(|call| call != "build") {
        let option = format!("--call {call}");
        refuse(matches, &option, "builds nothing", &[&WRITTEN[..], &BUILT, &["logs"]].concat())?;
    }
    if value("logs").is_some() {
        refuse(matches, "--logs", "builds nothing", &[&WRITTEN[..], &BUILT].concat())?;
    }
    if value("shell").is_some() {
        refuse(matches, "--shell", "makes no image", &WRITTEN)?;
    }
    if output::are_cache_only(outputs) {
        refuse(matches, "--output type=cacheonly", "makes no image", &WRITTEN[1..])?;
    }
    if value("lock").is_some() {
        refuse(matches, "--lock", "asks for more", &["locked", "offline"])?;
        if value("pull").is_some_and(|when| when == "never") {
            refuse(matches, "--lock", "asks registries", &["pull"])?;
        }
    }
    if value("cpus").is_some() {
        refuse(matches, "--cpus", "says the same", &["cpu-quota", "cpu-period"])?;
    }
    if on("quiet") && value("progress").is_some_and(|mode| mode != "quiet" && mode != "auto") {
        refuse(matches, "--quiet", "shows nothing of it", &["progress"])?;
    }
    let is_quiet = on("quiet") || value("progress").is_some_and(|mode| mode == "quiet");
    if is_quiet && value("keep").is_none() {
        let why = "does not show it, and without --keep no record says it";
        refuse(matches, "--quiet, or --progress quiet,", why, &["explain"])?;
    }
    Ok(())
}

/// The method that `--call` and `--check` agree on.
fn method(matches: &ArgMatches, check: bool) -> Result<Option<String>, Failure> {
    let named = |value: &std::ffi::OsStr| {
        let value = value.to_string_lossy();
        match value.split(',').next().unwrap_or_default() {
            "lint" => "check".to_owned(),
            method => method.to_owned(),
        }
    };
    let mut methods: Vec<String> =
        all(matches, "call").map(named).chain(check.then(|| "check".into())).collect();
    methods.dedup();
    match &methods[..] {
        [one, other, ..] => Err(Failure::usage(format!("--call: both {one} and {other} are asked for"))),
        _ => Ok(methods.pop()),
    }
}

/// An error if one of `others` is given.
fn refuse(matches: &ArgMatches, what: &str, why: &str, others: &[&str]) -> Result<(), Failure> {
    // A flag may be given as off; the value of another option is no truth value.
    let given = |name: &&&str| last(matches, name).is_some() && flag(matches, name).unwrap_or(true);
    match others.iter().find(given) {
        Some(other) => Err(Failure::usage(format!("--{other}: {what} {why}; leave one of them out"))),
        None => Ok(()),
    }
}
