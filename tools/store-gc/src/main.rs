//! store-gc(1): removes the least useful entries of the store.

use clap::Parser;
use libcli::{Failure, Stdout, human};
use libstore::{Environment, Store, locate};
use libwire::Digest;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use store_gc::{Free, Limits, Options};

/// Remove the least useful entries of the store, until it is small enough.
///
/// An entry that an image with a name needs, or a tool uses, is never removed. Standard output has a line for each
/// entry: removed or kept, its kind, its name, its bytes, and why. Without a limit, those of the store's file "limits"
/// count.
#[derive(Parser)]
#[command(name = "store-gc", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The most that the store may take on the disk, as 20G
    #[arg(long, value_name = "SIZE", value_parser = libcli::decimal_size)]
    max_size: Option<u64>,
    /// How much of its file system must stay free, as 10% or 5G
    #[arg(long, value_name = "SHARE", value_parser = store_gc::free)]
    min_free: Option<Free>,
    /// Remove what was not used for this time, as 7d or 12h, even if there is room
    #[arg(long, value_name = "TIME", value_parser = store_gc::span)]
    keep_for: Option<Duration>,
    /// Keep this image, even if it has no name
    #[arg(long, value_name = "DIGEST")]
    keep_image: Option<Digest>,
    /// Make these the limits of the store: image-build applies them after each build
    #[arg(long, conflicts_with_all = ["dry_run", "why"])]
    set: bool,
    /// Show what would be removed, and remove nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Show why the entries whose name begins so would stay or go, and remove nothing
    #[arg(long, value_name = "ID")]
    why: Option<String>,
    /// Begin no further removal after this many seconds
    #[arg(long, value_name = "SECONDS")]
    within: Option<u64>,
    /// Report neither entries nor what was freed, only failures
    #[arg(short, long)]
    quiet: bool,
    /// How long to wait for a lock of the store
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u64,
    /// Remove the whole store
    #[arg(long, conflicts_with_all = ["max_size", "min_free", "keep_for", "keep_image", "set", "dry_run", "why", "within"])]
    all: bool,
}

fn main() -> ExitCode {
    libcli::main("store-gc", job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    // The path is found before the user namespace is entered, because everybody is root in there.
    let path = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    // The owners of trees are ids of the namespace.
    let isolation = libsandbox::enter(None).map_err(|error| Failure::failed("", error))?;
    let lock_timeout = Some(Duration::from_secs(args.lock_timeout));
    let settings = libstore::Options { map: isolation.map(), lock_timeout, ..libstore::Options::default() };
    if args.all {
        return store_gc::remove_store(&path, settings);
    }
    let given = Limits { max_size: args.max_size, min_free: args.min_free, keep_for: args.keep_for };
    if args.set && given.is_none() {
        return Err(Failure::usage("--set: no limit is given; say --max-size, --min-free or --keep-for"));
    }
    let limits = if given.is_none() { Limits::of(&path)? } else { given };
    if limits.is_none() && args.why.is_none() {
        return Err(Failure::usage(
            "no limit is given, and the store has none; say --max-size, --min-free or --keep-for",
        ));
    }
    let dry = args.dry_run || args.why.is_some();
    let looks = Store::open_existing(&path, settings.clone())?;
    if args.set {
        given.keep(&path)?;
    }
    let store = if dry { looks } else { Store::open(&path, settings)? };
    let within = args.within.map(Duration::from_secs);
    let options = Options {
        limits,
        keep_image: args.keep_image,
        dry_run: dry,
        why: args.why,
        within,
        quiet: args.quiet,
    };
    let mut stdout = Stdout::open()?;
    let outcome = store_gc::collect(&store, &options, &mut stdout);
    for warning in store.take_warnings() {
        libcli::warn("store-gc", &warning);
    }
    stdout.finish()?;
    let outcome = outcome?;
    let (before, after) = outcome.disk;
    let freed = before.saturating_sub(after);
    if options.why.is_none() && !args.quiet && (dry || freed > 0) {
        let (would, now) = if dry { ("would remove", "would take") } else { ("removed", "takes") };
        let (removed, freed) = (outcome.removed, human(freed));
        let entries = if removed == 1 { "entry" } else { "entries" };
        libcli::say(&format!(
            "store-gc: {would} {removed} {entries}, {freed}; the store {now} {}\n",
            human(after)
        ));
    }
    Ok(())
}
