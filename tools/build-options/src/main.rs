//! build-options: image-build's command line in, shell assignments out. image-build alone runs it.

use libcli::{Failure, Stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    libcli::run("image-build", job)
}

fn job() -> Result<(), Failure> {
    let args = std::env::args_os().skip(1).collect();
    let asked = build_options::request(args, &|name| std::env::var_os(name))?;
    let mut out = Stdout::open()?;
    build_options::write(&asked, &mut out)?;
    out.finish()
}
