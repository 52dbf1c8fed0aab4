//! context-fetch(1): a build context from a URL or a tar, as a directory.

use clap::Parser;
use libcli::{Failure, Stdout};
use libfetch::Limits;
use stage_run::SecretSource;
use stage_run::options::secret;
use std::os::unix::ffi::OsStringExt;
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
    /// Print the time of what the source is instead, in seconds since 1970: a commit's, or what the server says
    #[arg(long)]
    time: bool,
    /// A secret to show servers: id=NAME[,src=FILE|,env=VARIABLE]
    #[arg(long, value_name = "SPEC", value_parser = secret_of)]
    secret: Vec<(String, SecretSource)>,
    #[command(flatten)]
    limits: libcli::Limits,
}

fn secret_of(text: &str) -> Result<(String, SecretSource), String> {
    secret(text, &|name: &str| std::env::var_os(name).map(OsStringExt::into_vec))
}

fn main() -> ExitCode {
    let args = Args::parse();
    libcli::run(&libcli::speaker("context-fetch"), || job(&args))
}

fn job(args: &Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let stdout = Stdout::open()?;
    let variable = |name: &str| std::env::var_os(name);
    let mut environment = libfetch::Environment::of(variable);
    environment.ssh_agent = variable("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
    let secrets = args.secret.iter().cloned().collect();
    environment.secrets =
        stage_run::secret::for_servers(&secrets).map_err(|what| Failure::failed("", what))?;
    environment.limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    if args.time {
        return context_fetch::time(&args.source, &args.dir, &environment, stdout)?.finish();
    }
    let mut input = std::io::stdin().lock();
    context_fetch::fetch(&args.source, &mut input, &args.dir, args.keep_git_dir, &environment, stdout)?
        .finish()
}
