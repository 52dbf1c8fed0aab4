//! image-list(1): what images the store has.

use clap::Parser;
use libcli::{Failure, Stdout};
use libstore::{Environment, Options, Store, locate};
use std::path::PathBuf;
use std::process::ExitCode;

/// List the images of the store.
#[derive(Parser)]
#[command(name = "image-list", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// One JSON object a line, instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    libcli::main("image-list", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let store = Store::open_existing(&path, Options::default())?;
    let (rows, warnings) = image_list::list(&store)?;
    for warning in warnings {
        libcli::warn("image-list", &warning);
    }
    let mut stdout = Stdout::open()?;
    match args.json {
        true => image_list::write_json(&rows, &mut stdout)?,
        false => image_list::write_table(&rows, &mut stdout)?,
    }
    stdout.finish()
}
