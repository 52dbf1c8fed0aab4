//! build-dir: makes the directory of a build and prints its path. image-build alone runs it.

use clap::Parser;
use libcli::{Failure, Stdout};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Make the directory of a build, and remove those of builds that were killed.
#[derive(Parser)]
#[command(name = "build-dir", version)]
struct Args {
    /// The directory, which is not removed by the next build
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The number of the shell that will use it
    shell: u32,
}

fn main() -> ExitCode {
    libcli::main("image-build", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let temporary = std::env::temp_dir();
    build_dir::remove_leftovers(&temporary);
    let dir = build_dir::make(&temporary, args.shell, args.keep.as_deref())?;
    let mut out = Stdout::open()?;
    out.write_all(dir.as_os_str().as_bytes())?;
    out.write_all(b"\n")?;
    out.finish()
}
