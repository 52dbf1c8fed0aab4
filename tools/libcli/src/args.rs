//! Reads a tool's arguments, and ends the tool if they are wrong.

use crate::failure::Failure;
use crate::report;
use crate::usage::usage_error;
use clap::Parser;
use std::process::ExitCode;

/// Reads the arguments of `tool` and runs its job with them; see [`crate::run`]. `--help` and `--version` print a text
/// instead.
pub fn main<A: Parser>(tool: &str, job: impl FnOnce(A) -> Result<(), Failure>) -> ExitCode {
    match A::try_parse() {
        Ok(args) => crate::run(tool, || job(args)),
        Err(error) if error.use_stderr() => {
            let failure = usage_error(&error, &A::command());
            report(tool, &failure);
            ExitCode::from(failure.status())
        }
        Err(text) => crate::run(tool, || Ok(text.print()?)),
    }
}
