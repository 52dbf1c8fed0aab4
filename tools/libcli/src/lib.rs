//! The manners that all tools share: exit status, one-line messages, checked standard output.
//!
//! A tool's `main` is `libcli::main("name", job)`. Only this crate writes messages or decides an exit status. It also
//! cleans, cuts and escapes the text of others, prints sizes, and writes the stream of build-progress(5). It only
//! parses arguments that several tools share, and only opens files that these name.

mod args;
mod csv;
mod failure;
mod limits;
mod lines;
mod markup;
mod meanwhile;
mod near;
mod progress;
pub mod run_limits;
mod secret;
mod shell;
mod size;
mod spell;
mod stdin;
mod stdout;
mod table;
mod usage;
mod width;

pub use args::main;
pub use csv::csv_fields;
pub use failure::{Exit, Failure, sanitise};
pub use limits::Limits;
pub use lines::{last_lines, plain_line, push_plain_line};
pub use markup::markup;
pub use meanwhile::meanwhile;
pub use near::{did_you_mean, nearest};
pub use progress::{TakenTerminal, is_watched, take_terminal, tell};
pub use secret::{SecretSource, secret, secrets_for_servers};
pub use shell::shell_word;
pub use size::{Decimal, decimal_size, human, seconds, size};
pub use spell::spelled_out;
pub use stdin::input;
pub use stdout::Stdout;
pub use table::write_table;
pub use usage::usage_error;
pub use width::{columns, cut, padded, wrapped};

use libwire::progress::Level;
use std::io::Write;
use std::process::ExitCode;

/// The variable by which a driver makes its tools speak under its own name.
const SPEAKER: &str = "STAGEPIPE_SPEAKER";

/// The name in a tool's messages: its own, or that of the driver whose input it reads.
pub fn speaker(tool: &str) -> String {
    std::env::var(SPEAKER).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| tool.to_owned())
}

/// Runs a tool's job and turns its result into an exit status. If it failed, this prints `tool: place: what; what to
/// do` on standard error.
pub fn run(tool: &str, job: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    match job() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(tool, &failure);
            ExitCode::from(failure.status())
        }
    }
}

/// Writes a failure's message, with its detail lines below, to standard error.
pub fn report(tool: &str, failure: &Failure) {
    if let Some(message) = failure.render(tool) {
        speak(Level::Error, &message);
    }
}

/// Writes one warning line, `tool: warning: what`, to standard error.
pub fn warn(tool: &str, what: &str) {
    speak(Level::Warning, &format!("{tool}: warning: {}\n", failure::brief(&sanitise(what))));
}

/// Writes text unchanged to standard error, or as a record to the view of the build. A closed standard error is no
/// error, because nobody would read the message.
pub fn say(text: &str) {
    speak(Level::Note, text);
}

fn speak(level: Level, text: &str) {
    if !progress::message(level, text) {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}
