//! layer-put: a finished layer into the store. See layer-put(1).

use clap::Parser;
use layer_put::{Owner, put};
use libcli::{Failure, Stdout};
use libstore::{Environment, LayerKey, Limits, Options, Store, locate};
use std::fs::File;
use std::io::{BufReader, IsTerminal, stdin};
use std::path::PathBuf;
use std::process::ExitCode;

/// Add a finished layer to the store.
///
/// Reads a tar, or one compressed with gzip or Zstandard, from standard input, checks that readers of layers accept
/// it, puts it into the store as a blob, and writes its record to standard output, for image-assemble.
#[derive(Parser)]
#[command(name = "layer-put", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The snapshot that the layer belongs to
    #[arg(long, value_name = "ID", required_unless_present = "changes", conflicts_with = "changes")]
    snapshot: Option<String>,
    /// The layer-changes(5) stream that the layer was made from, which names the snapshot
    #[arg(long, value_name = "FILE")]
    changes: Option<PathBuf>,
    /// Remember it under this name as a layer of the snapshot, if the changes are as layer-diff wrote them
    #[arg(long, value_name = "NAME", requires = "changes", value_parser = LayerKey::of_packer)]
    remember: Option<LayerKey>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// Do not wait for the disk: a power cut may lose what was reported done
    #[arg(long)]
    no_sync: bool,
}

fn main() -> ExitCode {
    libcli::main("layer-put", job)
}

fn job(args: Args) -> Result<(), Failure> {
    if stdin().is_terminal() {
        return Err(Failure::usage(
            "standard input is a terminal; give it a layer, a tar or the gzip or zstd of one",
        ));
    }
    let owner = match &args.changes {
        Some(path) => {
            let file = File::open(path).map_err(|error| Failure::failed(path.to_string_lossy(), error))?;
            Owner::of(BufReader::new(file))?
        }
        None => Owner { snapshot: args.snapshot.unwrap_or_default(), unchanged: false },
    };
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    let lease = libstore::build_lease(|name| std::env::var_os(name));
    let settings = Options { sync: !args.no_sync, limits, lease, ..Options::default() };
    let store = Store::open(&path, settings)?;
    let out = put(stdin().lock(), &store, &owner, args.remember.as_ref(), Stdout::open()?)?;
    for warning in store.take_warnings() {
        libcli::warn("layer-put", &warning);
    }
    out.finish()
}
