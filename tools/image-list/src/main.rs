//! image-list(1): lists the images of the store, and the layers that they share.

use clap::Parser;
use image_list::filter::Filter;
use image_list::sharing::{self, text};
use libcli::{Failure, Stdout};
use libimage::source::{self, Opened, Sources};
use libstore::{Environment, Options, Store, locate};
use libwire::Platform;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// List the images of the store, or the layers that images share.
///
/// IMAGE is a name or digest of the store, an OCI layout directory or an archive, or PATH:NAME if that has several
/// images; - is an archive on standard input.
#[derive(Parser)]
#[command(name = "image-list", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Print JSON instead of a table: an object for each line, or one value with --sharing or --having
    #[arg(long)]
    json: bool,
    /// Print only the digests, each once
    #[arg(short, long, conflicts_with_all = ["json", "shared"])]
    quiet: bool,
    /// List only images that match: reference=PATTERN, dangling=true|false, before=IMAGE, since=IMAGE or
    /// label=KEY[=VALUE]; may be repeated
    #[arg(short, long, value_name = "FILTER", value_parser = Filter::parse, conflicts_with = "shared")]
    filter: Vec<Filter>,
    /// Show the layers that the images share; all images of the store if none is named
    #[arg(long, group = "shared")]
    sharing: bool,
    /// Show the cost of pulling the images to a node that has IMAGE; may be repeated
    #[arg(long, value_name = "IMAGE", group = "shared")]
    having: Vec<String>,
    /// Use the image for this platform of an index in a layout or archive [default: this machine's]
    #[arg(long, value_name = "OS/ARCH", requires = "shared")]
    platform: Option<Platform>,
    /// The images to list, also by names without tags and by patterns; or the images to compare
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
}

fn main() -> ExitCode {
    libcli::main("image-list", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let store = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    let mut stdout = Stdout::open()?;
    if args.sharing || !args.having.is_empty() {
        let sources = Sources { platform: args.platform.clone(), ..Sources::of(&store) };
        shared(&args, &sources, &mut stdout)?;
    } else {
        let store = Store::open_existing(&store, Options::default())?;
        let (rows, warnings) = image_list::list(&store, &args.filter, &args.images)?;
        for warning in warnings {
            libcli::warn("image-list", &warning);
        }
        match args.json {
            _ if args.quiet => image_list::write_digests(&rows, &mut stdout)?,
            true => image_list::write_json(&rows, &mut stdout)?,
            false => image_list::write_table(&rows, &mut stdout)?,
        }
    }
    stdout.finish()
}

/// Prints the layers that images share among themselves, or with a node.
fn shared(args: &Args, sources: &Sources, output: &mut impl Write) -> Result<(), Failure> {
    let images = if args.images.is_empty() { source::all(sources)? } else { open(&args.images, sources)? };
    if args.sharing {
        let found = sharing::sharing(&images);
        return Ok(if args.json { json(&found, output) } else { text::sharing(&found, output) }?);
    }
    let pulls = sharing::pull(&images, &open(&args.having, sources)?);
    Ok(if args.json { json(&pulls, output) } else { text::pull(&pulls, output) }?)
}

fn open(names: &[String], sources: &Sources) -> Result<Vec<Opened>, Failure> {
    names.iter().map(|name| source::open(name, sources)).collect()
}

fn json(value: &impl Serialize, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    writeln!(output)
}
