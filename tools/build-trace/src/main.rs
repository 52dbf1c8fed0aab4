//! build-trace(1): a build's records in, a picture of its times out.

use build_trace::{Format, Timeline};
use clap::Parser;
use libcli::{Failure, Stdout};
use libwire::record::BuildRecord;
use std::path::PathBuf;
use std::process::ExitCode;

/// Show how a build spent its time.
///
/// Reads build records and writes a trace for ui.perfetto.dev or chrome://tracing, or a chart as SVG.
#[derive(Parser)]
#[command(name = "build-trace", version)]
struct Args {
    /// json: Chrome's Trace Event Format; svg: a Gantt chart
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    format: Format,
    /// Files of records, or the directory of image-build --keep [default: standard input]
    #[arg(value_name = "FILE|DIR")]
    inputs: Vec<PathBuf>,
}

fn main() -> ExitCode {
    libcli::main("build-trace", |args: Args| job(&args))
}

fn job(args: &Args) -> Result<(), Failure> {
    let mut timeline = Timeline::default();
    if args.inputs.is_empty() {
        let wanted = libwire::expected::<BuildRecord>() + ", or name the directory of image-build --keep";
        timeline.read("standard input", libcli::input(&wanted)?.lock())?;
    }
    for input in &args.inputs {
        timeline.open(input)?;
    }
    let mut stdout = Stdout::open()?;
    build_trace::write(timeline, args.format, &mut stdout)?;
    stdout.finish()
}
