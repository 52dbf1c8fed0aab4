//! The jobs of the tool for a Dockerfile: the plan, the checks, the targets or the outline.

use crate::args::{globals, unused};
use crate::check::{self, Checked};
use crate::epoch::{self, Epoch};
use crate::options::{Extent, Options};
use crate::plan::plan;
use crate::summary::Summary;
use crate::{front_end, outline, tables};
use libcli::{Exit, Failure};
use libdockerfile::{Dockerfile, ParseError, dockerfile, parse};
use libpattern::{IgnoreFile, Matcher};
use libwire::plan::{BuildPlan, PlanRecord, Stage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The kind of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// build-plan(5).
    Plan,
    /// The findings of the build checks by BuildKit's rules.
    Check,
    /// The findings by our rules about size and secrets too.
    CheckAll,
    /// The stages that can be built.
    Targets,
    /// The parameters of the target.
    Outline,
}

/// The options of one run.
#[derive(Debug)]
pub struct Job<'a> {
    /// The kind of output.
    pub wanted: Wanted,
    /// Whether to print JSON, if the output is not JSON in any case.
    pub json: bool,
    /// The options of the caller.
    pub options: Options,
    /// The context's `.dockerignore`: its name and its text.
    pub ignore_file: Option<(&'a str, &'a str)>,
}

/// Does the job for a Dockerfile's text. With a plan, the findings of the checks go to `warn`, one line each.
pub fn run(job: &Job, source: &str, out: &mut dyn Write, warn: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    match job.wanted {
        Wanted::Targets => list_targets(job, source, out),
        Wanted::Check | Wanted::CheckAll => report(job, source, out),
        Wanted::Outline => {
            let outline = parse(source).and_then(|file| outline::outline(&file, &job.options, source));
            Ok(print(job, &outline.map_err(job.refused(source))?, tables::write_outline, out)?)
        }
        Wanted::Plan => {
            let file = parsed(job, source, warn)?;
            let stages = plan(&file, &job.options).map_err(job.refused(source))?;
            warn_of(job, &file, source, warn)?;
            write_plan(&job.options.name, stages, out)
        }
    }
}

impl Job<'_> {
    /// The failure for a Dockerfile that is refused.
    fn refused<'a>(&'a self, source: &'a str) -> impl Fn(ParseError) -> Failure + 'a {
        move |error| {
            Failure::bad_input(error.place(&self.options.name), error.to_string())
                .with_detail(error.snippet(source))
        }
    }

    /// The context's `.dockerignore`, read.
    fn ignored(&self) -> Result<Matcher, Failure> {
        let Some((name, text)) = self.ignore_file else { return Ok(Matcher::default()) };
        let matcher = IgnoreFile::parse(text).matcher();
        matcher.map_err(|bad| Failure::bad_input(format!("{name}:{}", bad.line), bad.what))
    }

    /// The stages and rules to check: for a build its own stages, for a check all stages, unless a target is named.
    fn request<'a>(&'a self, ignored: &'a Matcher) -> check::Request<'a> {
        let named = self.options.target.is_some() || self.options.until.is_some();
        let extent = match (self.wanted, named) {
            (Wanted::Check | Wanted::CheckAll, false) => Extent::AllStages,
            _ => Extent::Needed,
        };
        check::Request { options: &self.options, ignored, extent, own: self.wanted == Wanted::CheckAll }
    }
}

/// Lists the stages that can be read. The file may have none.
fn list_targets(job: &Job, source: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let (file, error) = dockerfile::read(source);
    print(job, &outline::targets(&file, source), tables::write_targets, out)?;
    error.map_or(Ok(()), |error| Err(job.refused(source)(error)))
}

/// Prints the findings of the checks, and refuses a file that cannot be built.
fn report(job: &Job, source: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let name = &job.options.name;
    let checked = check::check_text(source, &job.request(&job.ignored()?));
    match job.json {
        true => check::write_json(name, source, &checked, out)?,
        false => check::write_text(name, source, &checked, out)?,
    }
    match checked.refused {
        Some(error) => Err(job.refused(source)(error)),
        None => refuse_findings(&checked, name),
    }
}

/// Makes a plan, which may not be final, and its summary for a driver. Facts that must be looked up first are left
/// out, and the checks are left to the next run. `informed` says that the images are known.
pub fn draft(
    job: &Job,
    informed: bool,
    source: &str,
    out: &mut dyn Write,
    warn: &mut dyn FnMut(&str),
) -> Result<Summary, Failure> {
    let refused = job.refused(source);
    let file = parsed(job, source, warn)?;
    let globals = job.options.platform().and_then(|target| globals(&file, &job.options, &target));
    let globals = globals.map_err(&refused)?;
    let time = match epoch::epoch(&file, &job.options, &globals).map_err(&refused)? {
        Epoch::Seconds(_) => Epoch::Unset,
        time => time,
    };
    let mut options = job.options.clone();
    if time != Epoch::Unset {
        options.build_args.insert(epoch::NAME.into(), String::new());
    }
    let stages = plan(&file, &options).map_err(&refused)?;
    let summary = Summary::new(&stages, time, informed);
    if summary.is_final() {
        warn_of(job, &file, source, warn)?;
    }
    write_plan(&job.options.name, stages, out)?;
    Ok(summary)
}

/// The file, or a refusal: after the warning, if it is written for a front end that may take it.
fn parsed(job: &Job, source: &str, warn: &mut dyn FnMut(&str)) -> Result<Dockerfile, Failure> {
    let (file, error) = dockerfile::read(source);
    match error.or_else(|| dockerfile::no_stages(&file)) {
        None => Ok(file),
        Some(error) => {
            front_end::foreign(&file.directives, &job.options).iter().for_each(|what| warn(what));
            Err(job.refused(source)(error))
        }
    }
}

fn warn_of(job: &Job, file: &Dockerfile, source: &str, warn: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let name = &job.options.name;
    let checked = check::check(file, &job.request(&job.ignored()?));
    if let Some(error) = checked.refused {
        return Err(job.refused(source)(error));
    }
    for finding in &checked.findings {
        warn(&format!("{name}:{}: {}: {}", finding.line, finding.rule.name, finding.detail));
    }
    front_end::foreign(&file.directives, &job.options).iter().for_each(|what| warn(what));
    unused(file, &job.options).iter().for_each(|what| warn(&format!("{name}: {what}")));
    refuse_findings(&checked, name)
}

fn write_plan(name: &str, stages: Vec<Stage>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut writer = libwire::Writer::<_, BuildPlan>::new(out, BTreeMap::new())?;
    for stage in stages {
        let line = stage.line;
        writer.write(&PlanRecord::Stage(Box::new(stage))).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                let what = format!("the stage is too long for a plan: {error}; split it");
                Failure::bad_input(format!("{name}:{line}"), what)
            }
            _ => error.into(),
        })?;
    }
    writer.finish()?;
    Ok(())
}

type Table = fn(&Value, &mut dyn Write) -> io::Result<()>;

fn print(job: &Job, value: &Value, table: Table, out: &mut dyn Write) -> io::Result<()> {
    if !job.json {
        return table(value, out);
    }
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// With `# check=error=true`, a finding is a failure, also of a build.
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
