//! image-tag(1): names of images, given and taken away.

use clap::Parser;
use libcli::Failure;
use libstore::{Environment, Options, Store, locate};
use libwire::Reference;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Give an image of the store more names, or take names away.
///
/// IMAGE is a name, or the digest of a manifest or config or the start of one. A NAME without a tag is NAME:latest.
#[derive(Parser)]
#[command(
    name = "image-tag",
    version,
    override_usage = "image-tag [OPTIONS] <IMAGE> <NAME>...\n       image-tag [OPTIONS] --delete <NAME>..."
)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Take these names away; the image stays, with its others
    #[arg(long, value_name = "NAME", value_parser = image_tag::name, num_args = 1..)]
    delete: Vec<Reference>,
    /// How long to wait for a lock of the store
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u64,
    /// Which image
    #[arg(conflicts_with = "delete", required_unless_present = "delete")]
    image: Option<String>,
    /// Its new names
    #[arg(value_name = "NAME", value_parser = image_tag::name, required_unless_present = "delete")]
    names: Vec<Reference>,
}

fn main() -> ExitCode {
    libcli::main("image-tag", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let lock_timeout = Some(Duration::from_secs(args.lock_timeout));
    let store = Store::open_to_use(&path, Options { lock_timeout, ..Options::default() })?;
    match &args.image {
        Some(image) => image_tag::tag(&store, image, &args.names),
        None => image_tag::delete(&store, &args.delete),
    }
}
