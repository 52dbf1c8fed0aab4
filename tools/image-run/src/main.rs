//! image-run(1): runs an image of the store once.

use clap::{Arg, ArgAction, Parser, ValueEnum};
use image_run::mounts::{ExtraMount, mount, tmpfs, volume};
use image_run::publish::{Published, published, what_becomes_of};
use image_run::{Options, env_file, own_failure, run_failed};
use libcli::{Exit, Failure};
use libsandbox::{Isolation, Network};
use libstore::{Environment, Limits, Store, locate};
use std::ffi::OsString;
use std::io::{IsTerminal, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

/// Run an image of the store, and throw away its changes.
#[derive(Parser)]
#[command(
    name = "image-run",
    version,
    mut_args = with_truth,
    override_usage = "image-run [OPTIONS] IMAGE [COMMAND [ARG]...]\n       image-run [OPTIONS] --failed ID [--before] [COMMAND [ARG]...]"
)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Run this instead of the image's ENTRYPOINT and CMD; an empty word removes both
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<OsString>,
    /// Set a variable; without a value, to its value here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Set the variables of a file with lines NAME=VALUE; -e has precedence
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Mount a file or directory of this machine
    #[arg(short, long, value_name = "SRC:DST[:ro]", value_parser = volume)]
    volume: Vec<ExtraMount>,
    /// Mount a file, a directory or memory, in docker's words
    #[arg(long, value_name = "type=bind|tmpfs,KEY=VALUE,...", value_parser = mount)]
    mount: Vec<ExtraMount>,
    /// Mount an empty directory in memory
    #[arg(long, value_name = "DST[:size=SIZE,...]", value_parser = tmpfs)]
    tmpfs: Vec<ExtraMount>,
    /// Make the image's own tree read-only
    #[arg(long)]
    read_only: bool,
    /// No-op: the command has this machine's network and ports; a line says so
    #[arg(short, long, value_name = "[[ADDRESS:]PORT:]PORT", value_parser = published)]
    publish: Vec<Published>,
    /// No-op: the command always reads standard input
    #[arg(short, long)]
    interactive: bool,
    /// No-op: the command has a terminal if input and output are one
    #[arg(short, long)]
    tty: bool,
    /// No-op: no container is ever left
    #[arg(long)]
    rm: bool,
    /// No-op: there is no list of containers
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Working directory
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// Run as this user of the image, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// The network of the command
    #[arg(long, alias = "net", value_enum, default_value_t = Net::Host)]
    network: Net,
    /// Its host name
    #[arg(long, value_name = "NAME", default_value = "stagepipe")]
    hostname: String,
    /// A line of /etc/hosts
    #[arg(long, value_name = "NAME:ADDRESS", value_parser = host)]
    add_host: Vec<(String, String)>,
    /// The seconds until it is killed after a signal
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace: u64,
    /// The ids that it has: root, subuid or single [default: the first that works]
    #[arg(long, value_name = "MODE")]
    isolation: Option<Isolation>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// Enter the tree of a failed step of a build; the message about the failure has the ID
    #[arg(long, value_name = "ID")]
    failed: Option<String>,
    /// With --failed: enter the tree as it was before the step
    #[arg(long, requires = "failed")]
    before: bool,
    /// The image, by name or digest, and a command instead of its CMD
    #[arg(required_unless_present = "failed", value_name = "IMAGE", trailing_var_arg = true)]
    words: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Net {
    /// The host's
    Host,
    /// Only a loopback interface of its own
    None,
}

/// Lets a flag have a truth value, as in docker.
fn with_truth(arg: Arg) -> Arg {
    match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .value_name("BOOL")
            .hide_possible_values(true)
            .hide_default_value(true),
        _ => arg,
    }
}

fn main() -> ExitCode {
    libcli::main("image-run", |args: Args| job(args).map_err(own_failure))
}

fn job(args: Args) -> Result<(), Failure> {
    let sandbox = |error| Failure::failed("", error);
    libsandbox::seal(std::env::args_os(), std::env::vars_os()).map_err(sandbox)?;
    // The path is found before the user namespace is entered, because everybody is root in there.
    let path = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    let isolation = libsandbox::enter(args.isolation).map_err(sandbox)?;
    if let Some(why) = libsandbox::too_few_ids().filter(|_| isolation == Isolation::Single) {
        libcli::warn("image-run", &why);
    }
    let map = isolation.map();
    let limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    let store = Store::open_to_use(&path, libstore::Options { map, limits, ..Default::default() })?;
    let outcome = match args.failed.clone() {
        Some(id) => {
            let words = args.words.clone();
            let before = args.before;
            run_failed(&store, isolation, &id, before, &options(args, words)?)?
        }
        None => {
            let mut words = args.words.clone().into_iter();
            let image = words.next().and_then(|word| word.into_string().ok());
            let image = image.ok_or_else(|| Failure::usage("an image's name is plain text"))?;
            let mut warn = |text: &str| libcli::warn("image-run", text);
            image_run::run(&store, isolation, &image, &options(args, words.collect())?, &mut warn)?
        }
    };
    match outcome.status {
        0 => Ok(()),
        status => Err(Failure::new(Exit::Status(status), "", "")),
    }
}

fn options(args: Args, command: Vec<OsString>) -> Result<Options, Failure> {
    let terminal = stdin().is_terminal() && stdout().is_terminal();
    if args.tty && !terminal {
        libcli::warn("image-run", "-t: input and output are not both a terminal, so the command has none");
    }
    let mut env = Vec::new();
    if let Some(term) = std::env::var_os("TERM").filter(|_| terminal) {
        env.push(("TERM".into(), term));
    }
    for file in &args.env_file {
        env.extend(env_file::read(file, &|name| std::env::var_os(name))?);
    }
    env.extend(args.env.iter().filter_map(|text| variable(text)));
    let network = match args.network {
        Net::Host => Network::Host,
        Net::None => Network::None,
    };
    if let Some(line) = what_becomes_of(&args.publish, network) {
        libcli::warn("image-run", &line);
    }
    Ok(Options {
        entrypoint: args.entrypoint,
        command,
        env,
        workdir: args.workdir,
        user: args.user,
        mounts: [args.volume, args.mount, args.tmpfs].concat(),
        readonly: args.read_only,
        network,
        hostname: args.hostname,
        add_hosts: args.add_host,
        terminal,
        grace: args.grace,
    })
}

/// `NAME=VALUE`, or `NAME` for the caller's own value; `None` if there is none.
fn variable(text: &str) -> Option<(OsString, OsString)> {
    match text.split_once('=') {
        Some((name, value)) => Some((name.into(), value.into())),
        None => Some((text.into(), std::env::var_os(text)?)),
    }
}

fn host(text: &str) -> Result<(String, String), String> {
    match text.split_once([':', '=']) {
        Some((name, address)) if !name.is_empty() && address.parse::<std::net::IpAddr>().is_ok() => {
            Ok((name.to_owned(), address.to_owned()))
        }
        _ => Err("not NAME:ADDRESS".into()),
    }
}
