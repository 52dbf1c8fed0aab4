//! layer-pack: changes in, a layer out. See layer-pack(1).

use clap::Parser;
use layer_pack::{Compression, How, Options, PackError, next_header, pack, pack_into_store};
use libcli::{Exit, Failure, Stdout};
use libsandbox::Isolation;
use libstore::{Environment, Store, locate};
use libwire::Reader;
use std::path::PathBuf;
use std::process::ExitCode;

/// Packs layer-changes(5) into a layer.
///
/// Without --store, writes the tar of one stream to standard output. With it, packs each stream into a
/// compressed blob of the store and writes its record.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The store that takes the blobs
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// gzip, zstd or none
    #[arg(long, value_name = "KIND", default_value = "gzip", requires = "store")]
    compression: Compression,
    /// Compression level [default: gzip 6, zstd 3]
    #[arg(long, value_name = "N", requires = "store")]
    level: Option<u32>,
    /// Threads to compress with; their number does not change the bytes [default: one a processor]
    #[arg(short = 'j', long, value_name = "N", requires = "store")]
    jobs: Option<usize>,
    /// Set later modification times to this one, in seconds since 1970
    #[arg(long, value_name = "SECONDS")]
    clamp_mtime: Option<i64>,
    /// How the snapshots were made: root, subuid or single [default: the best that works]
    #[arg(long, value_name = "MODE")]
    isolation: Option<Isolation>,
    /// Do not wait for the disk: a power cut may lose what was reported done
    #[arg(long, requires = "store")]
    no_sync: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    libcli::run("layer-pack", || job(args))
}

fn job(args: Args) -> Result<(), Failure> {
    let (_, range) = args.compression.levels();
    if let Some(level) = args.level.filter(|level| !range.contains(level)) {
        let what = format!(
            "level {level} is not one of {}: {} to {}",
            args.compression.name(),
            range.start(),
            range.end()
        );
        return Err(Failure::usage(what));
    }
    let options = Options { clamp_mtime: args.clamp_mtime };
    let path =
        args.store.clone().map(|store| locate(Some(store), &Environment::of(|name| std::env::var_os(name))));
    // An ordinary user's snapshots hold files of other ids, which only the map makes readable.
    let isolation = match libsandbox::enter(args.isolation) {
        // A plain tree of the caller's own needs no privilege.
        Err(_) if args.store.is_none() && args.isolation.is_none() => Isolation::Root,
        entered => entered.map_err(|error| Failure::failed("", error))?,
    };
    let input = std::io::stdin().lock();
    let Some(path) = path.transpose()? else {
        let mut reader = Reader::new(input);
        let nothing = || Failure::bad_input("standard input", "has no layer-changes stream");
        let header = next_header(&mut reader).map_err(failure)?.ok_or_else(nothing)?;
        let (out, _) = pack(&mut reader, &header, options, Stdout::open()?).map_err(failure)?;
        return match next_header(&mut reader).map_err(failure)? {
            None => out.finish(),
            Some(_) => {
                Err(Failure::bad_input("standard input", "has several streams; give --store to pack each"))
            }
        };
    };
    let map = if isolation == Isolation::Root { String::new() } else { isolation.to_string() };
    let store =
        Store::open(&path, libstore::Options { map, sync: !args.no_sync, ..libstore::Options::default() })?;
    let threads = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let how = How { compression: args.compression, level: args.level, threads, options };
    let out = pack_into_store(input, &store, how, Stdout::open()?).map_err(failure)?;
    for warning in store.take_warnings() {
        libcli::warn("layer-pack", &warning);
    }
    out.finish()
}

fn failure(error: PackError) -> Failure {
    let exit = match &error {
        error if error.is_closed_pipe() => Exit::ClosedPipe,
        error if error.is_bad_input() => Exit::BadInput,
        _ => Exit::Failed,
    };
    Failure::new(exit, "", error)
}
