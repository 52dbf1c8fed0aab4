//! build-view: reads the records of a build, and shows them on the terminal. Only image-build runs it.

use clap::Parser;
use libcli::Failure;
use std::fs::File;
use std::io::stderr;
use std::os::fd::AsFd;
use std::process::ExitCode;

/// Read the records of a build from standard input, and show them on the terminal of standard error.
#[derive(Parser)]
#[command(name = "build-view", version)]
struct Args {}

fn main() -> ExitCode {
    libcli::main("build-view", job)
}

fn job(_: Args) -> Result<(), Failure> {
    let stream = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let terminal = File::from(stderr().as_fd().try_clone_to_owned()?);
    // https://no-color.org: set, and not empty.
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Ok(build_view::view(stream, terminal, colour)?)
}
