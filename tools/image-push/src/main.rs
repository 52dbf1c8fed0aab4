//! image-push(1): images of the store to registries.

use clap::Parser;
use image_push::content::Content;
use image_push::destination::{Destination, by_registry};
use image_push::{Neighbours, Options, Uploads};
use libcli::{Exit, Failure, Stdout};
use libregistry::{Client, HostFiles, Hosts, Logins, Repository};
use libstore::{Environment, Store, locate};
use libwire::Reference;
use libwire::record::BuildRecord;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const NAME: &str = "image-push";

/// Push an image of the store to registries.
///
/// IMAGE is a name, a digest, or the start of one. DEST is HOST/NAME[:TAG]; without one it is IMAGE.
#[derive(Parser)]
#[command(name = NAME, version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Send nothing, and say what would be sent
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Say it in JSON
    #[arg(long, requires = "dry_run")]
    json: bool,
    /// Say nothing but the digest, and what fails
    #[arg(short, long)]
    quiet: bool,
    /// A repository whose layers may be taken, HOST/NAME; may be repeated
    #[arg(long, value_name = "REPOSITORY", value_parser = Repository::parse)]
    mount_from: Vec<Repository>,
    /// Ask HOST by plain HTTP, or without checking its certificate; may be repeated
    #[arg(long, value_name = "HOST")]
    insecure: Vec<String>,
    /// How long to wait for registries that can't answer yet, together
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    max_wait: u64,
    /// How many blobs are sent to a registry at once [default: 4, and 2 with --follow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
    /// Send the layers whose records come on standard input, and pass these on; nothing is tagged
    #[arg(long, conflicts_with = "dry_run")]
    follow: bool,
    /// Which image; with --follow there is none
    image: String,
    /// Where to
    #[arg(value_name = "DEST", value_parser = Destination::parse)]
    destinations: Vec<Destination>,
}

fn main() -> ExitCode {
    libcli::main(NAME, job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    if args.follow {
        return follow(&args);
    }
    let store = open_store(&args)?;
    let named = store.find(&args.image)?;
    let content = Content::read(&store, &named.descriptor)?;
    let destinations = match args.destinations.is_empty() {
        false => args.destinations.clone(),
        true => vec![own_place(&args.image, named.reference.as_ref())?],
    };
    if let Some(other) = destinations.iter().filter_map(|one| one.digest).find(|one| *one != content.digest())
    {
        return Err(Failure::usage(format!(
            "the image is {}, and {other} is to be pushed",
            content.digest()
        )));
    }
    let client = client(&args)?;
    let targets = by_registry(&destinations);
    let neighbours = Neighbours::new(&store, args.mount_from.clone());
    let mut stdout = Stdout::open()?;
    if args.dry_run {
        let forecasts = image_push::forecast(&client, &content, &targets, &neighbours);
        let (forecasts, failed) = apart(forecasts);
        match args.json {
            true => {
                serde_json::to_writer(&mut stdout, &forecasts).map_err(std::io::Error::from)?;
                writeln!(stdout)?;
            }
            false => forecasts.iter().try_for_each(|forecast| forecast.write(&mut stdout))?,
        }
        stdout.finish()?;
        return failed;
    }
    let options = Options { jobs: args.jobs.unwrap_or(4).into(), progress: !args.quiet };
    let (pushed, failed) = apart(image_push::push(&store, &client, &content, &targets, &neighbours, options));
    client.take_warnings().iter().filter(|_| !args.quiet).for_each(|warning| libcli::warn(NAME, warning));
    if !args.quiet {
        pushed.iter().for_each(|one| libcli::say(&format!("{NAME}: {}\n", image_push::summary(one))));
    }
    failed?;
    writeln!(stdout, "{}", content.digest())?;
    stdout.finish()
}

fn open_store(args: &Args) -> Result<Store, Failure> {
    let path = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    let lease = libstore::build_lease(|name| std::env::var_os(name));
    Ok(Store::open_to_use(&path, libstore::Options { lease, ..libstore::Options::default() })?)
}

fn client(args: &Args) -> Result<Client, Failure> {
    let variable = |name: &str| std::env::var_os(name);
    let logins = Logins::of(variable, libsandbox::Caller::of(variable));
    let hosts = Hosts::read(&HostFiles::of(variable), &args.insecure)?;
    let max_wait = Some(Duration::from_secs(args.max_wait));
    let network = libhttp::Environment { max_wait, ..libhttp::Environment::of(variable) };
    Ok(Client::new(&logins, &hosts, &network))
}

/// Beside a build, which goes first.
fn follow(args: &Args) -> Result<(), Failure> {
    // Where it can't be nicer it is as nice as others.
    let _ = rustix::process::nice(10);
    let first =
        Destination::parse(&args.image).map_err(|what| Failure::usage(format!("{}: {what}", args.image)))?;
    let destinations: Vec<Destination> = [first].into_iter().chain(args.destinations.clone()).collect();
    let mut input = libcli::input(&libwire::expected::<BuildRecord>())?.lock();
    let output = Stdout::open()?;
    // Until then the tool at the other end may still have to make the store.
    input.fill_buf()?;
    let store = open_store(args)?;
    let client = client(args)?;
    let uploads = Uploads {
        store: &store,
        client: &client,
        targets: &by_registry(&destinations),
        neighbours: &Neighbours::new(&store, args.mount_from.clone()),
        jobs: args.jobs.unwrap_or(2).into(),
        warn: |what| libcli::warn(NAME, what),
    };
    let output = uploads.follow(input, output)?;
    client.take_warnings().iter().for_each(|warning| libcli::warn(NAME, warning));
    output.finish()
}

/// The place that an image's name says, where it was asked for by that.
fn own_place(image: &str, name: Option<&Reference>) -> Result<Destination, Failure> {
    match name.filter(|name| Reference::parse(image).as_ref() == Ok(*name)) {
        Some(name) => Destination::parse(&name.to_string()).map_err(|what| Failure::bad_input("image", what)),
        None => Err(Failure::usage("a digest says no place to push to; add HOST/NAME[:TAG]")),
    }
}

/// Separates the results that succeeded from the failures, which become one failure. Its status says to try
/// again only if no failure is for good.
fn apart<T>(results: Vec<Result<T, Failure>>) -> (Vec<T>, Result<(), Failure>) {
    let (mut done, mut failures) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(one) => done.push(one),
            Err(failure) => failures.push(failure),
        }
    }
    failures.sort_by_key(|failure| failure.exit() == Exit::TryAgain);
    let mut failures = failures.into_iter();
    let failed = match failures.next() {
        None => Ok(()),
        Some(first) => {
            let others: String = failures.filter_map(|failure| failure.render(NAME)).collect();
            Err(first.with_detail(others))
        }
    };
    (done, failed)
}
