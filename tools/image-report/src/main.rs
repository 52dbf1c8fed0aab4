//! image-report(1): what an image costs.

mod args;
mod moved_options;

use args::Args;
use libcli::{Failure, Stdout};
use libimage::source::Sources;
use libstore::{Environment, Limits, locate};
use std::process::ExitCode;

fn main() -> ExitCode {
    libcli::main("image-report", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let wanted = args.wanted()?;
    let sources = Sources {
        store: locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?,
        platform: args.platform.clone(),
        limits: Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries },
    };
    let mut stdout = Stdout::open()?;
    let within = wanted.show(&args.images, args.form(), &sources, &mut stdout)?;
    stdout.finish()?;
    within
}
