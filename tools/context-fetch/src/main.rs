//! context-fetch(1): a build context from a URL or a tar, as a directory.

use clap::Parser;
use libcli::{Failure, SecretSource, Stdout};
use libfetch::Limits;
use std::io::Read;
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
    #[arg(required_unless_present = "request")]
    source: Option<String>,
    /// Where to put it: a directory that is empty or not there
    #[arg(required_unless_present = "request")]
    dir: Option<PathBuf>,
    /// Read a request from standard input, as stage-run makes it, put what it asks for into DIR, and answer it
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true,
        conflicts_with_all = ["source", "dir", "keep_git_dir", "time", "secret"])]
    request: Option<Option<PathBuf>>,
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
