//! layer-pack: changes in, a layer out. See layer-pack(1).

use clap::Parser;
use layer_pack::{Compression, How, Options, Overrides, PackError, Streams, pack_into_store};
use libcli::{Exit, Failure, Stdout};
use libsandbox::Isolation;
use libstore::{Environment, Limits, Store, locate};
use libwire::changes::LayerChanges;
use libwire::{Header, Packing};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Packs layer-changes(5) into a layer.
///
/// Without --store, writes the tar of one stream to standard output. With --store, packs each stream into a
/// compressed blob of the store and writes its record.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The store for the blobs
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// gzip, zstd or none [default: as the header says, else gzip]
    #[arg(long, value_name = "KIND", requires = "store")]
    compression: Option<Compression>,
    /// Compression level [default: as the header says, else gzip 6, zstd 3]
    #[arg(long, value_name = "N", requires = "store")]
    level: Option<u32>,
    /// Threads to compress with; their number does not change the bytes [default: one a processor, at most 8]
    #[arg(short = 'j', long, value_name = "N", requires = "store")]
    jobs: Option<usize>,
    /// Set later modification times to this one, in seconds since 1970 [default: as the header says]
    #[arg(long, value_name = "SECONDS")]
    clamp_mtime: Option<i64>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// Whether to report the progress of a slow layer: plain or quiet
    #[arg(long, value_name = "MODE", default_value = "plain", value_parser = ["plain", "quiet"])]
    progress: String,
    /// The mode in which the snapshots were made: root, subuid or single [default: the best that works]
    #[arg(long, value_name = "MODE")]
    isolation: Option<Isolation>,
    /// Do not wait for the disk: a power cut may lose what was reported done
    #[arg(long, requires = "store")]
    no_sync: bool,
}

const NOTHING: &str = "layer-pack: standard input: it has no layer, so nothing is packed; layer-diff --all also writes \
steps whose layer is known\n";

/// More threads only on request: each holds a few MiB, and memory is promised to stay below 64 MiB.
const MOST_JOBS: usize = 8;

fn main() -> ExitCode {
    libcli::main("layer-pack", job)
}

fn job(args: Args) -> Result<(), Failure> {
    // Fails before anything is read, if the options are wrong for any header.
    if let (Some(compression), level) = (args.compression, args.level) {
        let packing = Packing { compression, level, clamp: None };
        packing.check().map_err(Failure::usage)?;
    }
    libsandbox::end_with_driver()?;
    let input = libcli::input(&libwire::expected::<LayerChanges>())?.lock();
    let out = if args.store.is_some() { Stdout::open()? } else { Stdout::open_for_tar()? };
    let mut streams = Streams::new(input);
    let Some(first) = streams.next_header().map_err(failure)? else { return nothing(&args, out) };
    let path =
        args.store.clone().map(|store| locate(Some(store), &Environment::of(|name| std::env::var_os(name))));
    // An ordinary user's snapshots have files of other ids, which only the map makes readable. It is not made for a
    // row without layers, such as that of a cached build, where it would take most of the time.
    let isolation = match libsandbox::enter(args.isolation) {
        // The caller's own tree needs no privilege.
        Err(_) if args.store.is_none() && args.isolation.is_none() => Isolation::Root,
        entered => entered.map_err(|error| Failure::failed("", error))?,
    };
    match path.transpose()? {
        Some(path) => to_store(&args, &path, isolation, streams, first, out),
        None => to_tar(&args, streams, &first, out),
    }
}

fn overrides(args: &Args) -> Overrides {
    Overrides { compression: args.compression, level: args.level, clamp: args.clamp_mtime }
}

/// Handles a row of streams without a layer.
fn nothing(args: &Args, out: Stdout) -> Result<(), Failure> {
    if args.store.is_none() {
        let what = "the row of streams is empty: there is no layer to pack";
        return Err(Failure::bad_input("standard input", what));
    }
    // image-build expects this: all layers are known.
    if args.progress == "plain" && std::env::var_os("STAGEPIPE_DRIVER").is_none() {
        libcli::say(NOTHING);
    }
    layer_pack::tell_none(out)?.finish()
}

fn options(args: &Args) -> Options {
    Options {
        clamp_mtime: None,
        limits: Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries },
        tell: (args.progress == "plain").then_some(|what| libcli::say(&format!("layer-pack: {what}\n"))),
    }
}

fn to_tar(
    args: &Args,
    mut streams: Streams<impl BufRead>,
    first: &Header,
    out: Stdout,
) -> Result<(), Failure> {
    let packing = overrides(args).packing(first, streams.at()).map_err(failure)?;
    let options = Options { clamp_mtime: packing.clamp, ..options(args) };
    let packed = streams.pack(first, options, out).map_err(failure)?;
    match streams.next_header().map_err(failure)? {
        // If the row is cut, so is the tar.
        None => packed.tar.finish()?.0.finish(),
        Some(_) => {
            Err(Failure::bad_input("standard input", "has several streams; give --store to pack each"))
        }
    }
}

fn to_store(
    args: &Args,
    path: &Path,
    isolation: Isolation,
    streams: Streams<impl BufRead>,
    first: Header,
    out: Stdout,
) -> Result<(), Failure> {
    let map = isolation.map();
    let settings = libstore::Options {
        map,
        sync: !args.no_sync,
        lease: libstore::build_lease(|name| std::env::var_os(name)),
        ..libstore::Options::default()
    };
    let store = Store::open(path, settings)?;
    let how = How {
        overrides: overrides(args),
        threads: args.jobs.unwrap_or_else(|| processors().min(MOST_JOBS)),
        options: options(args),
    };
    let out = pack_into_store(streams, first, &store, how, out).map_err(failure)?;
    for warning in store.take_warnings() {
        libcli::warn("layer-pack", &warning);
    }
    out.finish()
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn failure(error: PackError) -> Failure {
    let (exit, place) = match &error {
        error if error.is_closed_pipe() => (Exit::ClosedPipe, ""),
        PackError::Level(_) => (Exit::Usage, ""),
        error if error.is_bad_input() => (Exit::BadInput, "standard input"),
        _ => (Exit::Failed, ""),
    };
    Failure::new(exit, place, error)
}
