//! layer-diff: the changes of a step, or between two trees. See layer-diff(1).

use clap::Parser;
use layer_diff::{DiffError, Steps, Trees, diff_images, diff_steps, write_stream};
use libcli::{Exit, Failure, Stdout};
use libsandbox::Isolation;
use libstore::{Environment, Limits, Options, Store, locate};
use libtree::Root;
use libwire::record::BuildRecord;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lists what each step changed, as layer-changes(5).
///
/// Reads build records on standard input and looks up their snapshots in the store. With OLD and NEW, compares two
/// directories instead, or with --images two images of the store.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Also steps that are not part of the image, or have a layer already
    #[arg(long, conflicts_with = "old")]
    all: bool,
    /// The mode in which the snapshots were made: root, subuid or single [default: the best that works]
    #[arg(long, value_name = "MODE")]
    isolation: Option<Isolation>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// OLD and NEW are images of the store: a name or digest, with @N for the state after layer N; or a snapshot's id
    #[arg(long, requires = "new")]
    images: bool,
    /// The older directory
    #[arg(requires = "new")]
    old: Option<PathBuf>,
    /// The newer directory
    new: Option<PathBuf>,
}

fn main() -> ExitCode {
    libcli::main("layer-diff", job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let failed = |error| Failure::failed("", error);
    match (&args.old, &args.new) {
        (Some(old), Some(new)) if args.images => return images(&args, old, new),
        (Some(_), _) if args.store.is_some() => {
            return Err(Failure::usage(
                "--store is for records and --images; two directories are not in a store",
            ));
        }
        (Some(old), Some(new)) => return compare(old, new),
        _ => {}
    }
    let input = libcli::input(&(libwire::expected::<BuildRecord>() + ", or name OLD and NEW"))?.lock();
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let out = Stdout::open()?;
    let mut steps = Steps::new(input, args.all);
    // Until then the tool at the other end of the pipe may not have made the store yet. If all layers are known, the
    // sandbox would cost more than all other work.
    let Some(first) = steps.next_step().map_err(failure)? else {
        return layer_diff::close(out).map_err(failure)?.finish();
    };
    let isolation = libsandbox::enter(args.isolation).map_err(failed)?;
    let map = isolation.map();
    let limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    let store = Store::open_to_use(
        &path,
        Options {
            map,
            limits,
            lease: libstore::build_lease(|name| std::env::var_os(name)),
            ..Options::default()
        },
    )?;
    let out = diff_steps(steps, first, &store, isolation, out).map_err(failure)?;
    for warning in store.take_warnings() {
        libcli::warn("layer-diff", &warning);
    }
    out.finish()
}

fn images(args: &Args, old: &Path, new: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::failed("", error);
    let path = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    let isolation = libsandbox::enter(args.isolation).map_err(failed)?;
    let limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    let options = Options { map: isolation.map(), limits, ..Options::default() };
    let store = Store::open_to_use(&path, options)?;
    let (old, new) = (old.to_string_lossy(), new.to_string_lossy());
    let out = diff_images(&store, isolation, &old, &new, Stdout::open()?).map_err(failure)?;
    for warning in store.take_warnings() {
        libcli::warn("layer-diff", &warning);
    }
    out.finish()
}

fn compare(old: &Path, new: &Path) -> Result<(), Failure> {
    if let Some(path) = [old, new].into_iter().find(|path| !path.exists()) {
        let what = "there is no such directory; to compare images of the store, use --images";
        return Err(Failure::failed(path.to_string_lossy(), what));
    }
    let open = |path: &Path| {
        let root = Root::open(path, libtree::Owners::Real);
        root.map_err(|error| Failure::failed(path.to_string_lossy(), error))
    };
    let root = new.canonicalize().map_err(|error| Failure::failed(new.to_string_lossy(), error))?;
    let trees =
        Trees { upper: open(new)?, lower: Some(open(old)?), opaque: "trusted.overlay.opaque", whole: true };
    write_stream(&trees, &root, None, None, Stdout::open()?).map_err(failure)?.finish()
}

fn failure(error: DiffError) -> Failure {
    let exit = match &error {
        error if error.is_closed_pipe() => Exit::ClosedPipe,
        error if error.is_bad_input() => Exit::BadInput,
        _ => Exit::Failed,
    };
    let place = if matches!(error, DiffError::Wire(_)) { "standard input" } else { "" };
    Failure::new(exit, place, error)
}
