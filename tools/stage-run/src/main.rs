//! stage-run(1): a plan in, records of what was built out.

use clap::Parser;
use libcli::run_limits::{cpus, memory, microseconds, time};
use libcli::{Failure, SecretSource, Stdout};
use libsandbox::{Caller, Cgroups, Isolation, Network, SandboxError, Ulimit};
use libstore::{Environment, LayerKey, Limits, Store, locate};
use libwire::lock::Source;
use libwire::plan::BuildPlan;
use libwire::{Compression, Packing};
use stage_run::bases::Lookup;
use stage_run::lock::{LockFile, Renew};
use stage_run::options::{add_host, is_agent, named_context, place, policy, ssh, ulimit};
use stage_run::{Fetch, NamedContext, Options, Place, Policy, suite};
use std::fs::File;
use std::io::{BufRead, IsTerminal, sink, stdout};
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Build the stages of a plan.
///
/// Reads a plan from standard input, runs each step or finds its result in the store, and writes a record for every
/// step to standard output. The output of RUN goes to standard error.
#[derive(Parser)]
#[command(name = "stage-run", version)]
struct Args {
    /// Build only this stage, by index or name; without --build-dir also the stages it needs
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Only write the records of base images, without their layers, for the checks of df-parse
    #[arg(long, conflicts_with_all = ["stage", "build_dir", "until", "shell", "shell_on_fail", "explain", "logs"])]
    bases: bool,
    /// With --bases, fail if an image can't be pulled, as a build would
    #[arg(long, requires = "bases")]
    required: bool,
    /// The build context
    #[arg(long, value_name = "DIR", default_value = ".")]
    context: PathBuf,
    /// The patterns of files to leave out of the context [default: .dockerignore in it]
    #[arg(long, value_name = "FILE")]
    ignore_file: Option<PathBuf>,
    /// A further context: a directory, a tar, a URL, oci-layout://DIR[:TAG|@DIGEST] or docker-image://IMAGE
    #[arg(long, value_name = "NAME=SOURCE", value_parser = named_context)]
    build_context: Vec<(String, NamedContext)>,
    /// The directory in which processes exchange the results of stages
    #[arg(long, value_name = "DIR")]
    build_dir: Option<PathBuf>,
    /// The part of the plan that --summary of df-parse says the stage is; it must agree with the plan
    #[arg(long, value_name = "PART", requires = "stage", value_parser = ["target", "below", "beside"])]
    part: Option<String>,
    /// The seconds to wait there for a stage that nobody builds
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "build_dir")]
    wait: u64,
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// A secret: id=NAME[,src=FILE|,env=VARIABLE]
    #[arg(long, value_name = "SPEC", value_parser = secret_of)]
    secret: Vec<(String, SecretSource)>,
    /// An ssh agent: default, or ID=SOCKET
    #[arg(long, value_name = "SPEC", value_parser = ssh_of)]
    ssh: Vec<(String, PathBuf)>,
    /// The network of RUN: default, host or none
    #[arg(long, value_name = "MODE", default_value = "default", value_parser = ["default", "host", "none"])]
    network: String,
    /// Allow network.host or security.insecure
    #[arg(long, value_name = "ENTITLEMENT", value_parser = ["network.host", "security.insecure"])]
    allow: Vec<String>,
    /// A line for /etc/hosts
    #[arg(long, value_name = "NAME:ADDRESS", value_parser = add_host)]
    add_host: Vec<(String, String)>,
    /// Size of /dev/shm
    #[arg(long, value_name = "SIZE", default_value = "64m", value_parser = libcli::size)]
    shm_size: u64,
    /// A resource limit, never raised
    #[arg(long, value_name = "NAME=SOFT[:HARD]", value_parser = ulimit)]
    ulimit: Vec<Ulimit>,
    /// The most memory that a RUN and its processes may use
    #[arg(short, long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// The number of processors whose time it may use, for instance 1.5
    #[arg(long, value_name = "N", value_parser = cpus, conflicts_with_all = ["cpu_quota", "cpu_period"])]
    cpus: Option<(u64, u64)>,
    /// The same, as a time in each period
    #[arg(long, value_name = "MICROSECONDS", value_parser = microseconds)]
    cpu_quota: Option<u64>,
    /// The length of a period
    #[arg(long, value_name = "MICROSECONDS", default_value = "100000", value_parser = microseconds)]
    cpu_period: u64,
    /// The most processes and threads that it may have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pids_limit: Option<u64>,
    /// The longest time that it may take: seconds, or a number with s, m or h
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    /// The size to which its output is kept
    #[arg(long, value_name = "SIZE", default_value = "64m", value_parser = libcli::size)]
    log_max: u64,
    /// Let no setuid bit or file capability give a command of RUN more rights than it has
    #[arg(long)]
    no_new_privileges: bool,
    /// The ids that steps have: root, subuid or single [default: the first that works]
    #[arg(long, value_name = "MODE")]
    isolation: Option<Isolation>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// When to pull images: missing, newer, always or never
    #[arg(long, value_name = "WHEN", default_value = "missing", value_parser = policy)]
    pull: Policy,
    /// Fetch nothing, and pull no image
    #[arg(long)]
    offline: bool,
    /// Ask this registry by plain HTTP, or without checking its certificate; may be repeated
    #[arg(long, value_name = "HOST")]
    insecure: Vec<String>,
    /// The lock of the Dockerfile, with the digests of images, URLs and references of repositories
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
    /// Refuse a name that is not in the lock
    #[arg(long, conflicts_with = "renew")]
    locked: bool,
    /// Look up the names in the lock again, or only this name
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "",
        value_parser = renew, requires = "lock")]
    renew: Option<Renew>,
    /// With --renew, keep lines of names that the plan does not have
    #[arg(long, requires = "renew")]
    keep_lines: bool,
    /// Only look up the names for the lock, instead of building, and write those that were looked up again
    #[arg(long, conflicts_with_all = ["stage", "build_dir", "bases", "until", "shell", "logs"])]
    sources: bool,
    /// Run every step again
    #[arg(long)]
    no_cache: bool,
    /// Run the steps of these stages again
    #[arg(long, value_name = "STAGE,…", value_delimiter = ',')]
    no_cache_filter: Vec<String>,
    /// Say why a step is not in the cache
    #[arg(long)]
    explain: bool,
    /// Say which steps would be run, run none, and write nothing to the store
    #[arg(long, conflicts_with = "shell")]
    dry_run: bool,
    /// End the stage, or else the target, with this step
    #[arg(long, value_name = "STEP")]
    until: Option<NonZeroUsize>,
    /// Open a shell in that stage before this step or line, or after the last step, and end there
    #[arg(long, value_name = "STEP|:LINE", num_args = 0..=1, require_equals = true, default_missing_value = "",
        value_parser = place)]
    shell: Option<Place>,
    /// Open a shell in the tree that a failed RUN left
    #[arg(long)]
    shell_on_fail: bool,
    /// Print the logs of RUNs, of all steps or of this one of that stage, and run nothing
    #[arg(long, value_name = "STEP|:LINE", num_args = 0..=1, require_equals = true, default_missing_value = "",
        value_parser = place, conflicts_with_all = ["shell", "shell_on_fail", "explain", "dry_run"])]
    logs: Option<Place>,
    /// Name the layer of a cached step, so that it is not packed again: always; auto, if PATH leads to this suite's
    /// layer-diff and layer-pack; or NAME, for the layers that layer-put --remember=NAME recorded
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always",
        value_parser = known)]
    known_layers: Option<Known>,
    /// The compression for layer-pack: gzip, zstd or none
    #[arg(long, value_name = "NAME", default_value = "gzip")]
    compression: Compression,
    /// The level of compression [default: gzip 6, zstd 3]
    #[arg(long, value_name = "N")]
    level: Option<u32>,
    /// The time to which layer-pack sets later modification times, in seconds since 1970
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    clamp_mtime: Option<i64>,
    /// Let layer-pack read the files of the last COPY where they are, without a snapshot
    #[arg(long)]
    defer_copies: bool,
    /// The time of files and history that the build itself makes, in seconds since 1970
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    source_date_epoch: Option<i64>,
    /// The form of progress on standard error: plain or quiet
    #[arg(long, value_name = "MODE", default_value = "plain", value_parser = ["plain", "quiet"])]
    progress: String,
}

/// When the record of a cached step has its layer.
#[derive(Clone)]
enum Known {
    Always,
    Auto,
    Packer(LayerKey),
}

fn known(text: &str) -> Result<Known, String> {
    match text {
        "always" => Ok(Known::Always),
        "auto" => Ok(Known::Auto),
        name => LayerKey::of_packer(name).map(Known::Packer),
    }
}

fn renew(text: &str) -> Result<Renew, String> {
    if text.is_empty() { Ok(Renew::All) } else { Source::parse(text).map(Renew::One) }
}

fn variable(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(OsStringExt::into_vec)
}

fn secret_of(text: &str) -> Result<(String, SecretSource), String> {
    let (id, source) = libcli::secret(text, &variable)?;
    source.check(&id)?;
    Ok((id, source))
}

fn ssh_of(text: &str) -> Result<(String, PathBuf), String> {
    let (id, socket) = ssh(text, &variable)?;
    is_agent(&socket)?;
    Ok((id, socket))
}

fn main() -> ExitCode {
    libcli::main(&libcli::speaker("stage-run"), job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let input = libcli::input(&libwire::expected::<BuildPlan>())?.lock();
    if args.dry_run && args.shell_on_fail && !args.sources {
        return Err(Failure::usage(
            "--shell-on-fail: a dry run has no step that fails; leave one of them out",
        ));
    }
    let lock = lock(&args)?;
    if args.bases {
        return bases(args, &lock, input);
    }
    libsandbox::seal(std::env::args_os(), std::env::vars_os())
        .map_err(|error| Failure::failed("sandbox", error))?;
    // Before the user namespace, in which everybody is root.
    let path = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    let is_suites = || std::env::var_os("PATH").is_some_and(|path| suite::is_in(&path));
    let packing = Packing { compression: args.compression, level: args.level, clamp: args.clamp_mtime };
    packing.check().map_err(Failure::usage)?;
    let known_layers = match args.known_layers.clone() {
        Some(Known::Packer(key)) => Some(key),
        Some(Known::Always) => Some(packing.into()),
        Some(Known::Auto) => Some(packing.into()).filter(|_| is_suites()),
        None => None,
    };
    let limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    let fetch = fetch(limits, &args.insecure);
    let isolation = libsandbox::enter(args.isolation).map_err(|error| match error {
        SandboxError::Unavailable(_) => Failure::failed("", error),
        other => Failure::failed("sandbox", other),
    })?;
    let map = isolation.map();
    let settings = libstore::Options {
        map,
        limits,
        lease: libstore::build_lease(|name| std::env::var_os(name)),
        ..libstore::Options::default()
    };
    let cpu = args.cpus.or(args.cpu_quota.map(|quota| (quota, args.cpu_period)));
    let cgroups = Cgroups::find(&libsandbox::Limits { memory: args.memory, cpu, pids: args.pids_limit })
        .map_err(|error| Failure::failed("", error))?;
    let logs = args.logs;
    if args.sources && args.dry_run && !path.exists() {
        return Ok(()); // no image is known, so neither is what variables mean
    }
    let store = match args.dry_run || logs.is_some() {
        true => Store::open_existing(&path, settings)?,
        false => Store::open(&path, settings)?,
    };
    let sources = args.sources;
    let options = Options { lock, fetch, cgroups, ..options(args, isolation, packing, known_layers) };
    if isolation == Isolation::Single && options.progress {
        warn_of_ids(options.build_dir.as_deref());
    }
    if sources {
        return stage_run::look_up(input, store, &options);
    }
    if let Some(place) = logs {
        return stage_run::logs(input, store, &options, place, Stdout::open()?)?.finish();
    }
    if options.dry_run && stdout().is_terminal() {
        // The text for the user goes to standard error.
        return stage_run::build(input, store, &options, sink()).map(drop);
    }
    let stdout = Stdout::open()?;
    stage_run::build(input, store, &options, stdout)?.finish()
}

fn lock(args: &Args) -> Result<LockFile, Failure> {
    let renew = match &args.renew {
        Some(Renew::All) if args.keep_lines => Some(Renew::Named),
        renew => renew.clone(),
    };
    LockFile::open(args.lock.clone(), args.locked, renew)
}

/// Warns that there are too few ids: once in a build, though each stage has its own process.
fn warn_of_ids(build_dir: Option<&Path>) {
    let first = build_dir.is_none_or(|dir| File::create_new(dir.join("told-of-ids")).is_ok());
    if let Some(why) = libsandbox::too_few_ids().filter(|_| first) {
        libcli::warn(&libcli::speaker("stage-run"), &why);
    }
}

/// The program that fetches. Ask before the user namespace, in which everybody is root.
fn fetch(limits: Limits, insecure: &[String]) -> Fetch {
    let caller = Caller::of(|name| std::env::var_os(name));
    Fetch { beside: libsandbox::own_directory(), limits, insecure: insecure.to_vec(), caller }
}

/// Writes the images that stages start from. Without a store, only those of named contexts.
fn bases(args: Args, lock: &LockFile, input: impl BufRead) -> Result<(), Failure> {
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let lookup = Lookup {
        store: &path,
        contexts: &args.build_context.into_iter().collect(),
        pull: if args.offline { Policy::Never } else { args.pull },
        fetch: &fetch(Limits::default(), &args.insecure),
        lock,
        required: args.required,
        dry_run: args.dry_run,
        progress: args.progress == "plain",
    };
    stage_run::bases::write(input, &lookup, Stdout::open()?)?.finish()
}

fn options(args: Args, isolation: Isolation, packing: Packing, known_layers: Option<LayerKey>) -> Options {
    Options {
        stage: args.stage,
        context: args.context,
        ignore_file: args.ignore_file,
        build_dir: args.build_dir,
        part: args.part,
        wait: Duration::from_secs(args.wait),
        driver: libsandbox::has_driver(),
        contexts: args.build_context.into_iter().collect(),
        secrets: args.secret.into_iter().collect(),
        ssh: args.ssh.into_iter().collect(),
        network: if args.network == "none" { Network::None } else { Network::Host },
        no_cache: args.no_cache,
        no_cache_filter: args.no_cache_filter,
        explain: args.explain,
        dry_run: args.dry_run || args.logs.is_some(),
        until: args.until.map(NonZeroUsize::get),
        shell: args.shell,
        shell_on_fail: args.shell_on_fail,
        term: std::env::var_os("TERM"),
        add_hosts: args.add_host,
        shm_size: args.shm_size,
        ulimits: args.ulimit,
        cgroups: Cgroups::default(),
        timeout: args.timeout,
        log_max: args.log_max,
        no_new_privileges: args.no_new_privileges,
        // A caller who gives the whole build the host's network lets a step ask for it too.
        allow_host: args.network == "host" || args.allow.iter().any(|name| name == "network.host"),
        allow_insecure: args.allow.iter().any(|name| name == "security.insecure"),
        known_layers,
        packing,
        defer_copies: args.defer_copies,
        epoch: args.source_date_epoch,
        pull: if args.offline { Policy::Never } else { args.pull },
        offline: args.offline,
        fetch: Fetch::default(),
        progress: args.progress == "plain" && args.logs.is_none(),
        lock: LockFile::default(),
        isolation,
    }
}
