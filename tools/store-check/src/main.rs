//! store-check(1): finds damaged entries of the store.

use clap::Parser;
use libcli::{Exit, Failure, Stdout};
use libstore::{Environment, Options, Store, StoreError, locate};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Read all of the store, and report what is damaged.
///
/// Standard output has a line for each entry with a fault: damaged, repaired or stale; its kind; its name; what is
/// wrong; the images that need it; and how it heals.
#[derive(Parser)]
#[command(name = "store-check", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Put aside what is damaged, so that the next build makes it again; write index.json anew if it can't be read
    #[arg(long)]
    repair: bool,
    /// How long to wait for a lock of the store
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u64,
}

fn main() -> ExitCode {
    libcli::main("store-check", job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    // The path is found before the user namespace is entered, because everybody is root in there.
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name))).map_err(no_store)?;
    // The owners of trees are ids of the namespace.
    let isolation = libsandbox::enter(None).map_err(|error| Failure::failed("", error))?;
    let lock_timeout = Some(Duration::from_secs(args.lock_timeout));
    let settings = Options { map: isolation.map(), lock_timeout, keep_damaged: true, ..Options::default() };
    let looks = Store::open_existing(&path, settings.clone()).map_err(no_store)?;
    let store = if looks.closed_tmp().is_some() { looks } else { Store::open(&path, settings)? };
    let mut stdout = Stdout::open()?;
    let outcome = store_check::check(&store, args.repair, &mut stdout);
    // The warnings repeat the lines.
    store.take_warnings();
    stdout.finish()?;
    let outcome = outcome?;
    let checked = outcome.checked;
    if outcome.damaged > 0 {
        let how = if args.repair { "see above" } else { "store-check --repair puts it aside" };
        let what = format!("{} of {checked} entries damaged; {how}", outcome.damaged);
        return Err(Failure::failed("store", what));
    }
    let repaired =
        if outcome.repaired > 0 { format!(", {} repaired", outcome.repaired) } else { String::new() };
    libcli::say(&format!("store-check: {checked} entries are as they were written{repaired}\n"));
    Ok(())
}

/// The failure to find a store. Its status is not the one that means damage.
fn no_store(error: StoreError) -> Failure {
    let is_none = matches!(error, StoreError::NotAStore { .. });
    let failure = Failure::from(error);
    if is_none { failure.with_exit(Exit::Usage) } else { failure }
}
