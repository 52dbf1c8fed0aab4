//! build-start: what a build begins with, as shell assignments. image-build alone runs it.

use build_options::{Asked, Progress};
use libcli::{Failure, Stdout};
use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    libcli::run("image-build", job)
}

/// The first argument is the number of the shell that asks, the others are the words after `image-build`.
fn job() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let shell = args.next().and_then(|number| number.to_str()?.parse().ok());
    let shell = shell.ok_or_else(|| {
        Failure::usage("build-start: the number of a shell is missing; image-build starts this")
    })?;
    let asked = build_options::request(args.collect(), &|name| std::env::var_os(name))?;
    let mut out = Stdout::open()?;
    let mode = match &asked {
        Asked::Build(request) => {
            // stage-run would find it out when it has built all that the shell starts from.
            if request.shell && !request.dry_run && File::options().read(true).open("/dev/tty").is_err() {
                return Err(Failure::usage("--shell: there is no terminal for it; start image-build on one"));
            }
            request.progress.on(stderr().is_terminal(), std::env::var_os("TERM").as_deref())?
        }
        Asked::Text(_) => Progress::Plain,
    };
    build_start::start(&asked, mode, shell, &std::env::temp_dir(), &mut out)?;
    out.finish()
}
