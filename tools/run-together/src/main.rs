//! run-together: runs lines of shell at the same time; the first failure ends the rest. Only image-build runs it.

use clap::Parser;
use libcli::Failure;
use run_together::Options;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run the commands of standard input at the same time, each `NAME: COMMAND` in a line.
#[derive(Parser)]
#[command(name = "run-together", version)]
struct Args {
    /// The most commands that run at once; 0 is all
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    jobs: usize,
    /// Make a file in this directory, and hold a shared lock on it while they run; they get its path in the environment
    #[arg(long, value_name = "VARIABLE=DIR", value_parser = hold)]
    hold: Option<(String, PathBuf)>,
    /// A directory of the caller, for a FIFO while they run
    directory: PathBuf,
}

fn hold(text: &str) -> Result<(String, PathBuf), String> {
    let (variable, directory) = text.split_once('=').ok_or("it is not VARIABLE=DIR")?;
    Ok((variable.to_owned(), directory.into()))
}

fn main() -> ExitCode {
    libcli::main(&libcli::speaker("run-together"), job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let driver = std::env::var_os("STAGEPIPE_DRIVER").is_some_and(|path| !path.is_empty());
    let text = std::io::read_to_string(std::io::stdin())?;
    let groups = run_together::groups(&text).map_err(|what| Failure::bad_input("standard input", what))?;
    let options = Options { jobs: args.jobs, directory: args.directory, driver, hold: args.hold };
    run_together::run(groups, &options, &mut |words| libcli::say(words))
}
