//! image-report(1): what an image costs.

use clap::Parser;
use image_report::{report, source, text};
use libcli::{Failure, Stdout};
use libstore::{Environment, locate};
use std::path::PathBuf;
use std::process::ExitCode;

/// Say what an image costs, instruction by instruction, and what of it is paid for but not visible.
///
/// IMAGE is a name or digest of the store, an OCI layout directory or an archive; with several images in it,
/// PATH:NAME.
#[derive(Parser)]
#[command(name = "image-report", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// A JSON object an image, instead of text
    #[arg(long)]
    json: bool,
    /// The images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    libcli::run("image-report", || job(args))
}

fn job(args: Args) -> Result<(), Failure> {
    let store = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let mut stdout = Stdout::open()?;
    for name in &args.images {
        let opened = source::open(name, &store)?;
        let report = report::report(&opened, &report::ledger(&opened)?);
        match args.json {
            true => {
                use std::io::Write;
                serde_json::to_writer(&mut stdout, &report).map_err(std::io::Error::from)?;
                writeln!(stdout)?;
            }
            false => text::write(&report, &mut stdout)?,
        }
    }
    stdout.finish()
}
