//! The values of an option, as the command line has them.

use clap::ArgMatches;
use libcli::Failure;
use std::ffi::{OsStr, OsString};

/// All values of an option.
pub(crate) fn all<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a OsStr> {
    matches.get_many::<OsString>(name).into_iter().flatten().map(OsString::as_os_str)
}

/// The value of an option that counts.
pub(crate) fn last<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a OsStr> {
    all(matches, name).last()
}

/// Whether a flag is on.
pub(crate) fn flag(matches: &ArgMatches, name: &str) -> Result<bool, Failure> {
    let value = last(matches, name).map_or(Ok(false), truth);
    value.map_err(|what| Failure::usage(format!("--{name}: {what}")))
}

/// A truth value as docker spells it.
pub(crate) fn truth(value: &OsStr) -> Result<bool, String> {
    match value.to_str() {
        Some("true" | "1" | "t" | "T" | "TRUE" | "True") => Ok(true),
        Some("false" | "0" | "f" | "F" | "FALSE" | "False") => Ok(false),
        _ => Err(format!("'{}' is neither true nor false", value.display())),
    }
}
