//! Makes the command line for clap from the table, and the messages about invalid command lines.

use crate::engines::{foreign, named};
use crate::foreign::Foreign;
use crate::table::{Row, SECTIONS, Takes, rows};
use crate::values::all;
use clap::builder::OsStringValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use libcli::Failure;
use std::ffi::{OsStr, OsString};

/// The word under which the positional arguments are found.
pub const CONTEXT: &str = "context";
/// The driver, whose options these are.
pub const NAME: &str = "image-build";
/// Columns of an option with its value, before its description.
const LEFT: usize = 29;
/// Columns of the help.
const WIDTH: usize = 100;

/// The command that the table describes.
pub fn command() -> Command {
    let context = Arg::new(CONTEXT).value_name("PATH|URL|-").action(ArgAction::Append).num_args(0..);
    Command::new(NAME)
        .about("Build the image that a Dockerfile describes. The options are those of docker build.")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(rows().map(option))
        .args(foreign().filter_map(idle))
        .arg(context.value_parser(OsStringValueParser::new()).value_hint(ValueHint::DirPath))
}

fn option(row: &Row) -> Arg {
    let arg = Arg::new(row.long).long(row.long).help(row.help);
    with_short(taking(arg, row.takes), row.short)
}

/// An option of other engines that may change nothing. Clap does not know the other options of engines; they are found
/// when it refuses them.
fn idle(row: &Foreign) -> Option<Arg> {
    let arg = Arg::new(row.long()).long(row.long()).hide(true);
    Some(with_short(taking(arg, row.idle.as_ref()?.takes), row.short))
}

fn taking(arg: Arg, takes: Takes) -> Arg {
    let arg = arg.action(ArgAction::Append).value_parser(OsStringValueParser::new());
    match takes {
        Takes::Value(name) | Takes::Values(name) => {
            arg.value_name(name).num_args(1).allow_hyphen_values(true).value_hint(hint(name))
        }
        Takes::Maybe(name) => {
            arg.value_name(name).num_args(0..=1).require_equals(true).default_missing_value("")
        }
        Takes::Flag => {
            arg.num_args(0..=1).require_equals(true).default_missing_value("true").hide_possible_values(true)
        }
    }
}

fn with_short(arg: Arg, short: Option<char>) -> Arg {
    match short {
        Some(letter) => arg.short(letter),
        None => arg,
    }
}

fn hint(value: &str) -> ValueHint {
    match value {
        "FILE" | "FILE|URL" => ValueHint::FilePath,
        "DIR" => ValueHint::DirPath,
        _ => ValueHint::Other,
    }
}

/// Reads `args`, the words after the command's name.
pub fn matches(args: Vec<OsString>) -> Result<ArgMatches, Failure> {
    let words = std::iter::once(OsString::from(NAME)).chain(args);
    let mut command = command();
    let matches = command.try_get_matches_from_mut(words).map_err(|error| refusal(&error, &command))?;
    for row in foreign() {
        let Some(idle) = &row.idle else { continue };
        let idle = |value: &OsStr| row.refused.is_empty() || value.to_str().is_some_and(idle.when);
        if all(&matches, row.long()).any(|value| !idle(value)) {
            return Err(refused(row));
        }
    }
    Ok(matches)
}

/// The failure for an option that does not exist, is not obeyed, or is wrong.
fn refusal(error: &clap::Error, command: &Command) -> Failure {
    let row = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) => named(word),
        _ => None,
    };
    row.map_or_else(|| libcli::usage_error(error, command), refused)
}

fn refused(row: &Foreign) -> Failure {
    Failure::usage(format!("--{}: {}", row.long(), row.refusal()))
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = format!(
        "Usage: {NAME} [OPTION]... PATH|URL|-\nBuild the image that a Dockerfile describes, by docker build's options; all are in stagepipe-options(7).\n"
    );
    for (heading, rows) in SECTIONS {
        text += &format!("\n{heading}\n");
        rows.iter().for_each(|row| text += &entry(row));
    }
    text
}

/// A row of the help: the option in the left column, or above the description if it is too long.
fn entry(row: &Row) -> String {
    let letter = row.short.map_or("    ".to_owned(), |letter| format!("-{letter}, "));
    let value = match row.takes {
        Takes::Value(name) | Takes::Values(name) => format!(" {name}"),
        Takes::Maybe(name) => format!("[={name}]"),
        Takes::Flag => String::new(),
    };
    let option = format!("  {letter}--{}{value}", row.long);
    let help = libcli::wrapped(row.help, WIDTH - LEFT);
    let (first, rest) = match libcli::columns(&option) + 2 <= LEFT {
        true => (libcli::padded(&option, LEFT) + &help[0], &help[1..]),
        false => (option, &help[..]),
    };
    let rest = rest.iter().map(|line| format!("\n{:LEFT$}{line}", ""));
    format!("{first}{}\n", rest.collect::<String>())
}

/// A script that completes the options in `shell`.
pub fn completion(shell: &OsStr) -> Vec<u8> {
    use clap_complete::{Shell, generate};
    let shell = match shell.to_str() {
        Some("zsh") => Shell::Zsh,
        Some("fish") => Shell::Fish,
        _ => Shell::Bash,
    };
    let mut script = Vec::new();
    generate(shell, &mut command(), NAME, &mut script);
    script
}
