//! context-fetch(1): fetches a build context from a URL or a tar into a directory.

use clap::Parser;
use libcli::{Failure, SecretSource, Stdout};
use libfetch::Limits;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Fetch a build context into a directory.
///
/// Prints the path of the context's root or, if the source is a file but no tar, the path of that file.
#[derive(Parser)]
#[command(name = "context-fetch", version)]
struct Args {
    /// A URL of http, https, git or ssh, github.com/OWNER/NAME, a tar, or - for standard input
    #[arg(required_unless_present = "request")]
    source: Option<String>,
    /// The directory for it, which must be empty or missing
    #[arg(required_unless_present = "request")]
    dir: Option<PathBuf>,
    /// Read a request of stage-run from standard input, fetch its sources into DIR, and answer it
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true,
        conflicts_with_all = ["source", "dir", "keep_git_dir", "time", "secret"])]
    request: Option<Option<PathBuf>>,
    /// Keep a repository's .git
    #[arg(long)]
    keep_git_dir: bool,
    /// Print only the time of the source, in seconds since 1970: that of the commit, or the one that the server gives
    #[arg(long)]
    time: bool,
    /// A secret for servers: id=NAME[,src=FILE|,env=VARIABLE]
    #[arg(long, value_name = "SPEC", value_parser = secret_of)]
    secret: Vec<(String, SecretSource)>,
    #[command(flatten)]
    limits: libcli::Limits,
}

fn secret_of(text: &str) -> Result<(String, SecretSource), String> {
    libcli::secret(text, &|name: &str| std::env::var_os(name).map(OsStringExt::into_vec))
}

fn main() -> ExitCode {
    libcli::main(&libcli::speaker("context-fetch"), |args: Args| job(&args))
}

fn job(args: &Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let stdout = Stdout::open()?;
    let variable = |name: &str| std::env::var_os(name);
    let mut environment = libfetch::Environment::of(variable);
    environment.ssh_agent = variable("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
    let secrets = args.secret.iter().cloned().collect();
    environment.http.secrets =
        libcli::secrets_for_servers(&secrets).map_err(|what| Failure::failed("", what))?;
    environment.limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    if let Some(dir) = &args.request {
        return context_fetch::answer(&mut std::io::stdin().lock(), dir.as_deref(), &environment, stdout)?
            .finish();
    }
    let (Some(source), Some(dir)) = (&args.source, &args.dir) else {
        return Err(Failure::usage("name a source and a directory"));
    };
    if args.time {
        return context_fetch::time(source, dir, &environment, stdout)?.finish();
    }
    let mut input: Box<dyn Read> = match source.as_str() {
        "-" => Box::new(libcli::input("a Dockerfile or a tar")?),
        _ => Box::new(std::io::empty()),
    };
    context_fetch::fetch(source, &mut input, dir, args.keep_git_dir, &environment, stdout)?.finish()
}
