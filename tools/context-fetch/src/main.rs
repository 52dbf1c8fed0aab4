//! context-fetch(1): a build context from a URL or a tar, as a directory.

use clap::Parser;
use libcli::{Failure, Stdout};
use std::path::PathBuf;
use std::process::ExitCode;

/// Fetch a build context into a directory.
///
/// Prints the path of the context's root; or, when the source is one file that is no tar, that file's path.
#[derive(Parser)]
#[command(name = "context-fetch", version)]
struct Args {
    /// A URL of http, https, git or ssh, github.com/OWNER/NAME, a tar, or - for standard input
    source: String,
    /// Where to put it: a directory that is empty or not there
    dir: PathBuf,
    /// Leave a repository's .git
    #[arg(long)]
    keep_git_dir: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    libcli::run(&libcli::speaker("context-fetch"), || job(&args))
}

fn job(args: &Args) -> Result<(), Failure> {
    let stdout = Stdout::open()?;
    let variable = |name: &str| std::env::var_os(name);
    let mut environment = libfetch::Environment::of(variable);
    environment.ssh_agent = variable("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
    let mut input = std::io::stdin().lock();
    context_fetch::fetch(&args.source, &mut input, &args.dir, args.keep_git_dir, &environment, stdout)?
        .finish()
}
