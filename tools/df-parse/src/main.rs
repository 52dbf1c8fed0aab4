//! df-parse: a Dockerfile in, a build plan out. See df-parse(1).

use clap::Parser;
use df_parse::Options;
use df_parse::bases::Bases;
use df_parse::job::{self, Job, Wanted};
use df_parse::summary::Summary;
use libcli::{Failure, Stdout};
use libdockerfile::MAX_FILE;
use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Parses a Dockerfile and prints what is to be built, one JSON record a stage.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The Dockerfile; standard input when absent or `-`.
    file: Option<PathBuf>,
    /// The Dockerfile's name in messages and records.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The stage to build; the last one when absent.
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// The step to end with: STEP of the target, STAGE:STEP, :LINE, or a whole STAGE
    #[arg(long, value_name = "STEP")]
    until: Option<String>,
    /// Value of an ARG; without a value, that of the environment variable of the same name.
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    build_args: Vec<String>,
    /// The platform to build for, as linux/amd64.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// A named build context of the build; it takes precedence over stages and images of that name.
    #[arg(long = "build-context", value_name = "NAME")]
    contexts: Vec<String>,
    /// Facts about base images, as written by stage-run --bases.
    #[arg(long, value_name = "FILE")]
    bases: Option<PathBuf>,
    /// Print the findings of the checks on standard error while making a plan.
    #[arg(long)]
    warn: bool,
    /// The context's .dockerignore, for the checks.
    #[arg(long, value_name = "FILE")]
    ignore_file: Option<PathBuf>,
    /// Print the findings of the build checks instead of the plan; all adds our rules about size to BuildKit's.
    #[arg(long, group = "mode", value_name = "RULES", num_args = 0..=1, require_equals = true,
        default_missing_value = "buildkit", value_parser = ["buildkit", "all"])]
    check: Option<String>,
    /// Print the stages that can be built instead of the plan.
    #[arg(long, group = "mode")]
    targets: bool,
    /// Print the arguments, secrets and mounts of the target instead of the plan.
    #[arg(long, group = "mode")]
    outline: bool,
    /// With the plan, write the facts that a driver needs, including what it has to look up first.
    #[arg(long, value_name = "FILE", conflicts_with = "mode")]
    summary: Option<PathBuf>,
    /// The format of --check, --targets and --outline.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    format: String,
}

fn main() -> ExitCode {
    libcli::main(&libcli::speaker("df-parse"), run)
}

fn run(args: Args) -> Result<(), Failure> {
    let path = args.file.as_deref().filter(|file| *file != Path::new("-"));
    let own_name = path.map_or("Dockerfile".into(), Path::to_string_lossy);
    let name = args.name.clone().unwrap_or_else(|| own_name.into_owned());
    let source = read(path, &name)?;
    if let Some(found) = libwire::guess::no_dockerfile(&source) {
        return Err(Failure::bad_input(name, format!("{found}; expected a Dockerfile")));
    }
    let source = text(source, &name)?;
    let ignore_name = args.ignore_file.as_deref().map(|path| path.to_string_lossy().into_owned());
    let ignore_file = match (&args.ignore_file, &ignore_name) {
        (Some(path), Some(name)) => Some((name.as_str(), text(read(Some(path), name)?, name)?)),
        _ => None,
    };
    let job = Job {
        wanted: match (args.check.as_deref(), args.targets, args.outline) {
            (Some("all"), ..) => Wanted::CheckAll,
            (Some(_), ..) => Wanted::Check,
            (_, true, _) => Wanted::Targets,
            (.., true) => Wanted::Outline,
            _ => Wanted::Plan,
        },
        json: args.format == "json",
        options: Options {
            name,
            target: args.target,
            until: args.until,
            build_args: build_args(&args.build_args),
            platform: args.platform,
            contexts: args.contexts,
            bases: args.bases.as_deref().map(bases).transpose()?.unwrap_or_default(),
        },
        ignore_file: ignore_file.as_ref().map(|(name, text)| (*name, text.as_str())),
    };
    let mut out = Stdout::open()?;
    let mut warn = |what: &str| {
        if args.warn {
            libcli::warn(&libcli::speaker("df-parse"), what);
        }
    };
    let done = match &args.summary {
        Some(path) => {
            let summary = job::draft(&job, args.bases.is_some(), &source, &mut out, &mut warn);
            summary.and_then(|summary| write(path, &summary))
        }
        None => job::run(&job, &source, &mut out, &mut warn),
    };
    // The findings are printed even if they are an error.
    out.finish().and(done)
}

fn read(path: Option<&Path>, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = MAX_FILE as u64 + 1;
    let result = match path {
        Some(path) => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        None => libcli::input("a Dockerfile, or name one")?.lock().take(limit).read_to_end(&mut bytes),
    };
    result.map_err(|error| Failure::failed(name, format!("cannot be read: {error}")))?;
    if bytes.len() > MAX_FILE {
        return Err(Failure::bad_input(
            name,
            format!("is larger than {MAX_FILE} bytes; is it a Dockerfile?"),
        ));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>, name: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Failure::bad_input(format!("{name}:{line}"), "the line is not UTF-8 text; is it a Dockerfile?")
    })
}

fn write(path: &Path, summary: &Summary) -> Result<(), Failure> {
    let mut text = Vec::new();
    let written = summary.write(&mut text).and_then(|()| std::fs::write(path, text));
    written.map_err(|error| Failure::failed(path.display().to_string(), error))
}

fn bases(path: &Path) -> Result<Bases, Failure> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path)
        .map_err(|error| Failure::failed(&name, format!("cannot be read: {error}")))?;
    df_parse::bases::read(BufReader::new(file)).map_err(|error| Failure::bad_input(name, error))
}

/// The values of `--build-arg`. The last one for a name counts. One without a value comes from the environment, if it
/// is set there.
fn build_args(words: &[String]) -> BTreeMap<String, String> {
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(word).ok().map(|value| (word.clone(), value)),
    };
    words.iter().filter_map(pair).collect()
}
