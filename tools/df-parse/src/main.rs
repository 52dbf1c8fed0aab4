//! df-parse: a Dockerfile in, a build plan out. See df-parse(1).

use clap::Parser;
use df_parse::check::Checked;
use df_parse::{Dockerfile, Options, ParseError, check, outline, parse, plan};
use libcli::{Exit, Failure, Stdout};
use libpattern::IgnoreFile;
use libwire::plan::{BuildPlan, PlanRecord};
use std::collections::BTreeMap;
use std::io::Read;
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
    /// Value of an ARG; without a value, that of the environment variable of the same name.
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    build_args: Vec<String>,
    /// The platform to build for, as linux/amd64.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// A named build context that the build will have; it wins over stages and images of that name.
    #[arg(long = "build-context", value_name = "NAME")]
    contexts: Vec<String>,
    /// The context's .dockerignore, for the checks.
    #[arg(long, value_name = "FILE")]
    ignore_file: Option<PathBuf>,
    /// Print what the build checks find instead of the plan.
    #[arg(long, group = "mode")]
    check: bool,
    /// Print the stages that can be built instead of the plan.
    #[arg(long, group = "mode")]
    targets: bool,
    /// Print the arguments, secrets and mounts of the target instead of the plan.
    #[arg(long, group = "mode")]
    outline: bool,
    /// How --check, --targets and --outline print.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    format: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    libcli::run("df-parse", || run(args))
}

fn run(args: Args) -> Result<(), Failure> {
    let from_stdin = args.file.as_deref().is_none_or(|file| file == Path::new("-"));
    let own_name = args
        .file
        .as_deref()
        .filter(|_| !from_stdin)
        .map_or("Dockerfile".into(), |file| file.to_string_lossy());
    let name = args.name.clone().unwrap_or_else(|| own_name.into_owned());
    let source = read(args.file.as_deref().filter(|_| !from_stdin), &name)?;
    let refused = |error: ParseError| {
        Failure::bad_input(error.place(&name), &error.what).with_detail(error.snippet(&source))
    };
    let file = parse(&source).map_err(refused)?;
    let options = Options {
        name: name.clone(),
        target: args.target.clone(),
        build_args: build_args(&args.build_args),
        platform: args.platform.clone(),
        contexts: args.contexts.clone(),
    };
    let mut out = Stdout::open()?;
    let json = args.format == "json";
    if args.check {
        return print_check(&args, &file, &options, &source, out);
    }
    if args.targets {
        let value = outline::targets(&file);
        if json {
            serde_json::to_writer_pretty(&mut out, &value).map_err(std::io::Error::from)?
        } else {
            outline::write_targets(&value, &mut out)?
        }
        return out.finish();
    }
    if args.outline {
        let value = outline::outline(&file, &options).map_err(refused)?;
        if json {
            serde_json::to_writer_pretty(&mut out, &value).map_err(std::io::Error::from)?
        } else {
            outline::write_outline(&value, &mut out)?
        }
        return out.finish();
    }
    let stages = plan(&file, &options).map_err(refused)?;
    refuse_findings(&run_check(&args, &file, &options, &source)?, &name)?;
    let mut writer = libwire::Writer::<_, BuildPlan>::new(out, BTreeMap::new())?;
    for stage in stages {
        writer.write(&PlanRecord::Stage(Box::new(stage)))?;
    }
    writer.finish()?.finish()
}

fn run_check(args: &Args, file: &Dockerfile, options: &Options, source: &str) -> Result<Checked, Failure> {
    let ignored = match &args.ignore_file {
        Some(path) => IgnoreFile::parse(&read(Some(path), &path.to_string_lossy())?).matcher(),
        None => Ok(libpattern::Matcher::default()),
    };
    let ignored = ignored.map_err(|error| Failure::bad_input(".dockerignore", error))?;
    check::check(file, options, &ignored).map_err(|error| {
        Failure::bad_input(error.place(&options.name), &error.what).with_detail(error.snippet(source))
    })
}

fn print_check(
    args: &Args,
    file: &Dockerfile,
    options: &Options,
    source: &str,
    mut out: Stdout,
) -> Result<(), Failure> {
    let checked = run_check(args, file, options, source)?;
    match args.format.as_str() {
        "json" => check::write_json(&options.name, source, &checked.findings, &mut out)?,
        _ => check::write_text(&options.name, source, &checked.findings, &mut out)?,
    }
    out.finish()?;
    refuse_findings(&checked, &options.name)
}

/// With `# check=error=true`, what the checks find is a failure, of a build too.
fn refuse_findings(checked: &Checked, name: &str) -> Result<(), Failure> {
    if !checked.error || checked.findings.is_empty() {
        return Ok(());
    }
    let mut rules: Vec<_> = checked.findings.iter().map(|finding| finding.rule.name).collect();
    rules.sort_unstable();
    rules.dedup();
    let what = format!("lint violation found for rules: {}; see them with --check", rules.join(", "));
    Err(Failure::new(Exit::Failed, name, what))
}

fn read(path: Option<&Path>, name: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let result = match path {
        Some(path) => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
        None => std::io::stdin().lock().read_to_end(&mut bytes),
    };
    result.map_err(|error| Failure::failed(name, format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| Failure::bad_input(name, "is not UTF-8 text; is it a Dockerfile?"))
}

/// The values of `--build-arg`: the last of a name wins, and one without a value comes from the
/// environment, if it is there.
fn build_args(words: &[String]) -> BTreeMap<String, String> {
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(word).ok().map(|value| (word.clone(), value)),
    };
    words.iter().filter_map(pair).collect()
}
