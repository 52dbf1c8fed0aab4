//! build-sources: gets the sources of a build that are not here, and prints a line with the path of each source. Only
//! image-build runs it.

use build_sources::{Asked, Means};
use clap::Parser;
use libcli::{Exit, Failure, Stdout};
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Find the sources of a build, and fetch remote ones by context-fetch.
#[derive(Parser)]
#[command(name = "build-sources", version)]
struct Args {
    /// Refuse sources that can only be read once
    #[arg(long)]
    again: bool,
    /// Print no warnings
    #[arg(long)]
    quiet: bool,
    /// The build's directory
    dir: PathBuf,
    /// A directory, a URL, or - for standard input
    context: OsString,
    /// A file, a URL, - for standard input, or an empty word
    file: OsString,
    /// Options of context-fetch
    #[arg(last = true)]
    options: Vec<OsString>,
}

fn main() -> ExitCode {
    libcli::main(&libcli::speaker("build-sources"), job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let asked = Asked { context: args.context, file: args.file };
    let mut input: Box<dyn Read> = match asked.file == "-" && !args.again {
        true => Box::new(libcli::input("a Dockerfile")?),
        false => Box::new(std::io::empty()),
    };
    let fetch = &mut |source: &OsStr, into: &Path| fetch(&args.options, source, into);
    let mut means = Means { dir: &args.dir, again: args.again, input: &mut input, fetch };
    let sources = build_sources::find(&asked, &mut means)?;
    for warning in sources.warnings.iter().filter(|_| !args.quiet) {
        libcli::warn(&libcli::speaker("build-sources"), warning);
    }
    let mut out = Stdout::open()?;
    for (name, word) in sources.words(Some(&args.dir))? {
        out.write_all(&[name.as_bytes(), b" ", &word, b"\n"].concat())?;
    }
    out.finish()
}

/// Fetches a source by context-fetch, which prints its own errors.
fn fetch(options: &[OsString], source: &OsStr, into: &Path) -> Result<PathBuf, Failure> {
    let mut command = Command::new("context-fetch");
    libsandbox::end_with_parent(&mut command);
    command.args(options).arg("--").args([source, into.as_os_str()]).stdin(Stdio::inherit());
    let output = command.stderr(Stdio::inherit()).output();
    let output =
        output.map_err(|error| Failure::failed("context-fetch", format!("{error}; put it into PATH")))?;
    if !output.status.success() {
        let status = output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        return Err(Failure::new(Exit::Status(status), "", ""));
    }
    let mut path = output.stdout;
    path.pop_if(|last| *last == b'\n');
    Ok(PathBuf::from(OsString::from_vec(path)))
}
