//! image-inspect(1): what the store knows of an image, as JSON.

use clap::Parser;
use libcli::{Failure, Stdout};
use libstore::{Environment, Options, Store, locate};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print what the store knows of images, as one JSON object each.
///
/// IMAGE is a name, or the digest of a manifest or config or the start of one.
#[derive(Parser)]
#[command(name = "image-inspect", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Which images
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

fn main() -> ExitCode {
    libcli::main("image-inspect", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let mut stdout = Stdout::open()?;
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let store = Store::open_existing(&path, Options::default())?;
    let inspected = args.images.iter().map(|image| image_inspect::inspect(&store, image));
    for facts in inspected.collect::<Result<Vec<_>, _>>()? {
        serde_json::to_writer_pretty(&mut stdout, &facts).map_err(io::Error::from)?;
        writeln!(stdout)?;
    }
    stdout.finish()
}
