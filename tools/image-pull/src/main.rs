//! image-pull(1): pulls images from registries into the store.

use clap::Parser;
use image_pull::{Options, Policy, Unpacking};
use libcli::{Failure, Stdout};
use libhttp::Environment as Network;
use libregistry::{Client, HostFiles, Hosts, Logins};
use libsandbox::{Caller, Isolation};
use libstore::{Environment, Limits, Store, locate};
use libwire::{Digest, Platform, Reference};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Pull images from registries into the store.
///
/// NAME is a reference as in FROM: a name without a registry belongs to docker.io. Prints the digest of each image.
#[derive(Parser)]
#[command(name = "image-pull", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Pull the image of an index for this platform [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,
    /// Pull an index with the images for all platforms and their attestations
    #[arg(long, conflicts_with_all = ["config_only", "layers", "policy"])]
    all_platforms: bool,
    /// When to ask the registry: always; newer, the same, but with the store's image if the registry can't be asked;
    /// missing, if the store does not have the image; or never
    #[arg(long, value_name = "WHEN", default_value = "always", value_parser = policy)]
    policy: Policy,
    /// Only pull manifests and configs, and give no names
    #[arg(long)]
    config_only: bool,
    /// Pull the layers of images that --config-only has pulled; each NAME is the digest of one
    #[arg(long, conflicts_with_all = ["config_only", "policy", "platform"])]
    layers: bool,
    /// Ask HOST by plain HTTP, or without checking its certificate; may be repeated
    #[arg(long, value_name = "HOST")]
    insecure: Vec<String>,
    /// Do not unpack the layers; the first build on the image then does
    #[arg(long)]
    no_unpack: bool,
    /// The ids with which layers are unpacked: root, subuid or single [default: the first that works]
    #[arg(long, value_name = "MODE", conflicts_with = "no_unpack")]
    isolation: Option<Isolation>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// Do not wait for the disk; a power cut may lose images that were reported as pulled
    #[arg(long)]
    no_sync: bool,
    /// The seconds to wait for all registries that can't answer yet
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    max_wait: u64,
    /// Print only errors
    #[arg(short, long)]
    quiet: bool,
    /// An image to pull
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

fn policy(text: &str) -> Result<Policy, String> {
    match text {
        "always" => Ok(Policy::Always),
        "newer" => Ok(Policy::Newer),
        "missing" => Ok(Policy::Missing),
        "never" => Ok(Policy::Never),
        _ => Err(format!("{text:?} is not one of always, newer, missing and never")),
    }
}

fn main() -> ExitCode {
    libcli::main(&libcli::speaker("image-pull"), job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    // The path is found before the user namespace is entered, because everybody is root in there.
    let path = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    let variable = |name: &str| std::env::var_os(name);
    let logins = Logins::of(variable, Caller::of(variable));
    let hosts = Hosts::read(&HostFiles::of(variable), &args.insecure)?;
    let network = Network { max_wait: Some(Duration::from_secs(args.max_wait)), ..Network::of(variable) };
    let unpacking = match args.no_unpack || args.config_only {
        true => None,
        false => {
            let entered = libsandbox::enter(args.isolation);
            Some(Unpacking { isolation: entered.map_err(|error| Failure::failed("", error))? })
        }
    };
    let map = unpacking.map(|unpacking| unpacking.isolation.map()).unwrap_or_default();
    let limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    // Another process that pulls the same layers may hold the locks for any time.
    let settings = libstore::Options {
        map,
        limits,
        sync: !args.no_sync,
        lock_timeout: None,
        lease: libstore::build_lease(variable),
        waits: (!args.quiet).then_some(waits as fn(&str)),
        ..libstore::Options::default()
    };
    let store = Store::open(&path, settings)?;
    let client = Client::new(&logins, &hosts, &network);
    let pulled = pull(&args, &store, &client, unpacking.as_ref());
    for warning in store.take_warnings().iter().chain(&client.take_warnings()).filter(|_| !args.quiet) {
        warn(warning);
    }
    let mut stdout = Stdout::open()?;
    for digest in pulled? {
        writeln!(stdout, "{digest}")?;
    }
    stdout.finish()
}

fn pull(
    args: &Args,
    store: &Store,
    client: &Client,
    unpacking: Option<&Unpacking>,
) -> Result<Vec<Digest>, Failure> {
    let options = Options {
        platform: args.platform.clone().unwrap_or_else(Platform::host),
        policy: args.policy,
        progress: !args.quiet,
        warn,
    };
    if args.layers {
        let digest = |text: &String| {
            text.parse::<Digest>().map_err(|_| Failure::usage(format!("--layers: {text:?} is no digest")))
        };
        let images = args.names.iter().map(digest).collect::<Result<Vec<_>, _>>()?;
        image_pull::pull_layers(store, client, &images, unpacking, &options)?;
        return Ok(images);
    }
    let name = |text: &String| match Reference::parse(text) {
        Ok(name) if name.as_digest().is_some() => {
            Err(Failure::usage(format!("{text} alone does not say where it is; write NAME@{text}")))
        }
        name => name.map_err(Failure::usage),
    };
    let names = args.names.iter().map(name).collect::<Result<Vec<_>, _>>()?;
    match (args.all_platforms, args.config_only) {
        (true, _) => image_pull::pull_all(store, client, &names, unpacking, &options),
        (_, true) => image_pull::pull_configs(store, client, &names, &options),
        _ => image_pull::pull(store, client, &names, unpacking, &options),
    }
}

fn waits(holder: &str) {
    let speaker = libcli::speaker("image-pull");
    libcli::say(&format!("{speaker}: waits for {holder}, which brings the same layers\n"));
}

fn warn(what: &str) {
    libcli::warn(&libcli::speaker("image-pull"), what);
}
