//! image-report(1): what an image costs.

mod args;
mod moved;

use args::Args;
use image_report::wanted::Surroundings;
use libcli::{Failure, Stdout};
use libimage::source::Sources;
use libregistry::{HostFiles, Logins};
use libstore::{Environment, Limits, locate};
use std::process::ExitCode;

fn main() -> ExitCode {
    libcli::main("image-report", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let wanted = args.wanted()?;
    let variable = |name: &str| std::env::var_os(name);
    let surroundings = Surroundings {
        sources: Sources {
            store: locate(args.store.clone(), &Environment::of(variable))?,
            platform: args.platform.clone(),
            limits: Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries },
        },
        network: libhttp::Environment::of(variable),
        hosts: HostFiles::of(variable),
        logins: Logins::of(variable, rustix::process::getuid().as_raw()),
        warn: |text| libcli::warn("image-report", text),
    };
    let mut stdout = Stdout::open()?;
    let within = wanted.show(&args.images, args.form(), &surroundings, &mut stdout)?;
    stdout.finish()?;
    within
}
