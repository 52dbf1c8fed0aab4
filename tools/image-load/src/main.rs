//! image-load(1): images from layouts and archives into the store.

use clap::Parser;
use image_load::{Loaded, Source};
use libcli::{Failure, Stdout};
use libstore::{ARCHIVE, Environment, Limits, Options, Store, locate};
use libwire::Platform;
use libwire::Reference;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Load images into the store.
///
/// SOURCE is an OCI layout directory, an OCI archive or a docker archive (what docker save or podman save
/// writes), compressed or not; - is standard input. Prints the digest and the names of each image.
#[derive(Parser)]
#[command(name = "image-load", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Give the image this name instead of its own; may be given several times
    #[arg(short, long, value_name = "NAME")]
    tag: Vec<Reference>,
    /// Load only the image of this name, tag or digest
    #[arg(long, value_name = "IMAGE")]
    select: Option<String>,
    /// Load the image for this platform if there are several [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,
    /// Do not wait for the disk: a power cut may lose what was reported done
    #[arg(long)]
    no_sync: bool,
    /// How long to wait for a lock of the store
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u64,
    #[command(flatten)]
    limits: libcli::Limits,
    /// The layout or archive to load
    source: PathBuf,
}

fn main() -> ExitCode {
    libcli::main("image-load", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let source = open(&args.source)?;
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let timeout = Some(Duration::from_secs(args.lock_timeout));
    let limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    let store = Store::open(
        &path,
        Options { sync: !args.no_sync, lock_timeout: timeout, limits, ..Options::default() },
    )?;
    let options = image_load::Options { tags: args.tag, select: args.select, platform: args.platform };
    let loaded = image_load::load(source, &store, &options)?;
    let mut stdout = Stdout::open()?;
    for Loaded { digest, names, notes } in loaded {
        for note in notes {
            libcli::warn("image-load", &note);
        }
        write!(stdout, "{digest}")?;
        for name in names {
            write!(stdout, " {}", name.familiar())?;
        }
        writeln!(stdout)?;
    }
    stdout.finish()
}

fn open(path: &Path) -> Result<Source, Failure> {
    if path == Path::new("-") {
        let input = libcli::input(ARCHIVE)?;
        return Ok(Source::Archive(Box::new(input)));
    }
    let file = File::open(path).map_err(|error| Failure::failed(path.display().to_string(), error))?;
    match path.is_dir() {
        true => Ok(Source::Layout(path.to_owned())),
        false => Ok(Source::Archive(Box::new(file))),
    }
}
