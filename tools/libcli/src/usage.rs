//! Turns an error of clap into one line: the word at fault, the error, and the remedy.

use crate::failure::Failure;
use crate::near::did_you_mean;
use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use std::error::Error as _;
use std::num::{IntErrorKind, ParseIntError};

/// The failure for an error of `command`.
pub fn usage_error(error: &Error, command: &Command) -> Failure {
    let tool = command.get_name();
    let see = format!("{tool} --help says how it is used");
    let (word, value) = (bare(&text(error, ContextKind::InvalidArg)), text(error, ContextKind::InvalidValue));
    Failure::usage(match error.kind() {
        ErrorKind::UnknownArgument if word.starts_with('-') => {
            let hint = meant(&word, &longs(command).collect::<Vec<_>>());
            format!("{word}: no such option{hint}; {tool} --help lists those there are")
        }
        ErrorKind::UnknownArgument => format!("'{word}': there is one argument too many; {see}"),
        ErrorKind::MissingRequiredArgument if !word.is_empty() => format!("{word}: it is missing; {see}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("{word}: the value is missing; {see}"),
        ErrorKind::InvalidValue => format!("{word}: {}", none_of(error, &value)),
        ErrorKind::ValueValidation => format!("{word}: {}", invalid(error, &value)),
        ErrorKind::ArgumentConflict => match bare(&text(error, ContextKind::PriorArg)) {
            other if other == word => format!("{word}: it is given twice; leave one of them out"),
            other => format!("{word}: it can't stand beside {other}; leave one of them out"),
        },
        ErrorKind::TooManyValues => {
            format!("{word}: it takes no value, and '{value}' is one; leave that out")
        }
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{word}: the value is missing; {see}")
        }
        ErrorKind::NoEquals => format!("{word}: its value comes after =, as {word}=VALUE"),
        _ => {
            let text = error.to_string();
            let line = text.trim_start_matches("error: ").lines().next().unwrap_or_default();
            format!("{line}; {see}")
        }
    })
}

/// The text of clap for this part of an error; the first if there are several.
fn text(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// An option or an argument as clap shows it, without its value, brackets and dots.
fn bare(shown: &str) -> String {
    let word = match shown.starts_with('-') {
        true => shown.split([' ', '=', '[']).next().unwrap_or_default(),
        false => shown.trim_end_matches('.').trim_matches(['<', '>', '[', ']']),
    };
    word.to_owned()
}

/// A hint at the option that begins as `word` does, or is near to it; none for a letter.
fn meant(word: &str, known: &[String]) -> String {
    let begins: Vec<&String> = known.iter().filter(|known| known.starts_with(word)).collect();
    match &begins[..] {
        _ if !word.starts_with("--") => String::new(),
        [one] => format!("; did you mean {one}?"),
        _ => did_you_mean(word, known.iter().map(String::as_str)),
    }
}

fn longs(command: &Command) -> impl Iterator<Item = String> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown.filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
}

fn none_of(error: &Error, value: &str) -> String {
    let Some(ContextValue::Strings(known)) = error.get(ContextKind::ValidValue) else {
        return format!("'{value}' is not one of its values");
    };
    let hint = did_you_mean(value, known.iter().map(String::as_str));
    format!("'{value}' is none of {}{hint}", known.join(", "))
}

/// The message of a parser of values, with the value.
fn invalid(error: &Error, value: &str) -> String {
    let Some(source) = error.source() else { return format!("'{value}' is not a value of it") };
    match source.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
        Some(IntErrorKind::PosOverflow) => {
            format!("'{value}' is too large")
        }
        Some(_) => format!("'{value}' is not a number; write digits"),
        None => match source.to_string() {
            what if what.contains(value) => what,
            what => format!("'{value}': {what}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Parser, Debug)]
    #[command(name = "x")]
    struct Args {
        #[arg(long)]
        level: Option<u8>,
        #[arg(long, value_parser = ["plain", "quiet"])]
        progress: Option<String>,
        #[arg(short, long, conflicts_with = "level")]
        quiet: bool,
        #[arg(long, require_equals = true)]
        lock: Option<String>,
        #[arg(long, value_parser = word)]
        word: Option<String>,
        dir: String,
    }

    fn word(_: &str) -> Result<String, String> {
        Err("it is too short".into())
    }

    #[test]
    fn the_word_at_fault_is_first_and_what_to_do_last() {
        let see = "x --help says how it is used";
        for (args, said) in [
            (
                &["--levle", "3"][..],
                "--levle: no such option; did you mean --level?; x --help lists those there are",
            ),
            (
                &["--prog", "plain"],
                "--prog: no such option; did you mean --progress?; x --help lists those there are",
            ),
            (&["-z"], "-z: no such option; x --help lists those there are"),
            (&["a", "b"], &format!("'b': there is one argument too many; {see}")),
            (&[], &format!("dir: it is missing; {see}").replace("dir", "DIR")),
            (&["--level"], &format!("--level: the value is missing; {see}")),
            (&["--level", "y", "d"], "--level: 'y' is not a number; write digits"),
            (&["--level", "", "d"], "--level: '' is not a number; write digits"),
            (&["--level", "256", "d"], "--level: 256 is not in 0..=255"),
            (&["--level", "99999999999999999999", "d"], "--level: '99999999999999999999' is too large"),
            (&["--word", "a", "d"], "--word: 'a': it is too short"),
            (&["--progress", "plan", "d"], "--progress: 'plan' is none of plain, quiet; did you mean plain?"),
            (&["--progress", "loud", "d"], "--progress: 'loud' is none of plain, quiet"),
            (&["-q", "--level", "1", "d"], "--quiet: it can't stand beside --level; leave one of them out"),
            (&["-q", "-q", "d"], "--quiet: it is given twice; leave one of them out"),
            (&["--quiet=yes", "d"], "--quiet: it takes no value, and 'yes' is one; leave that out"),
            (&["--lock", "a", "d"], "--lock: its value comes after =, as --lock=VALUE"),
        ] {
            let error = Args::try_parse_from(["x"].iter().chain(args)).unwrap_err();
            assert_eq!(usage_error(&error, &Args::command()).what(), said);
        }
    }
}
