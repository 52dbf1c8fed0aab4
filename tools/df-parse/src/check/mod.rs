//! Build checks: BuildKit's rules with its names and words, our rules about size, and the settings that turn them
//! off.

mod from;
mod packages;
mod quotes;
mod report;
mod rules;
mod scope;
mod settings;
mod shell;
mod size;
mod stage;
mod undefined;
mod users;

pub use report::{write_json, write_text};
pub use rules::Rule;

use crate::options::{Extent, Options};
use crate::plan;
use libdockerfile::ParseError;
use libdockerfile::dockerfile::{self, Dockerfile, StageItem};
use libdockerfile::lines::Line;
use libpattern::Matcher;
use libwire::plan::Stage;
use settings::Settings;

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The message.
    pub detail: String,
    /// First line, from 1.
    pub line: u32,
    /// Last line.
    pub line_end: u32,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// Findings by line.
    pub findings: Vec<Finding>,
    /// Whether `# check=error=true` makes them an error.
    pub error: bool,
    /// Why the file cannot be built, if it cannot. It may have findings too.
    pub refused: Option<ParseError>,
}

/// One check: its file, its rules and its stages.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The caller's options.
    pub options: &'a Options,
    /// The build context's `.dockerignore`.
    pub ignored: &'a Matcher,
    /// The stages to check.
    pub extent: Extent,
    /// Whether to apply our rules about size and secrets too.
    pub own: bool,
}

/// Checks a Dockerfile's text, even if it cannot be built.
pub fn check_text(text: &str, request: &Request) -> Checked {
    let (file, broken) = dockerfile::read(text);
    let line = broken.as_ref().and_then(|error| error.line);
    let mut checked = match broken.or_else(|| dockerfile::no_stages(&file)) {
        None => return check(&file, request),
        Some(error) => checked(&file, request, &[], Some(error)),
    };
    // Findings after a line that cannot be read may be consequences of that line.
    checked.findings.retain(|finding| line.is_none_or(|line| finding.line < line));
    checked
}

/// Checks a file.
pub fn check(file: &Dockerfile, request: &Request) -> Checked {
    match plan::planned(file, request.options, request.extent) {
        Ok(planned) => checked(file, request, &planned, None),
        Err(error) => checked(file, request, &[], Some(error)),
    }
}

/// Collects the findings. If the file is `refused`, nothing is `planned`, and all stages are checked.
fn checked(file: &Dockerfile, request: &Request, planned: &[Stage], refused: Option<ParseError>) -> Checked {
    let Request { options, ignored, extent, own } = *request;
    let settings = match settings::of_file(file, options) {
        Ok(settings) => settings,
        Err(error) => {
            return Checked { findings: Vec::new(), error: false, refused: refused.or(Some(error)) };
        }
    };
    let error = settings.error;
    let all = extent == Extent::AllStages || refused.is_some();
    let needed = |index| all || planned.iter().any(|stage| stage.index == index);
    let mut found = Found { settings, findings: Vec::new() };
    rules::collect(file, &mut found);
    from::platforms(file, options, planned, &mut found);
    let followed = from::collect(file, options, &mut found)
        .and_then(|()| stage::collect(file, options, ignored, &needed, &mut found));
    if own && !file.stages.is_empty() {
        size::collect(file, options, &mut found);
    }
    let mut findings = found.findings;
    findings.sort_by_key(|finding| (finding.line, finding.rule.name));
    Checked { findings, error, refused: refused.or(followed.err()) }
}

/// The findings so far, and the rules to skip.
struct Found {
    settings: Settings,
    findings: Vec<Finding>,
}

impl Found {
    /// Adds a finding about an instruction, unless the file or the comments above it skip the rule.
    fn at(&mut self, rule: Rule, line: &Line, detail: String) {
        self.under(line, rule, line, detail);
    }

    /// Adds a finding at `place` that the comments above `line` may skip.
    fn under(&mut self, line: &Line, rule: Rule, place: &Line, detail: String) {
        if self.settings.with_comments(&line.comments).want(rule) {
            self.push(rule, place, detail);
        }
    }

    /// Adds a finding about the whole file. No comment above an instruction skips it.
    fn of_file(&mut self, rule: Rule, place: &Line, detail: String) {
        if self.settings.want(rule) {
            self.push(rule, place, detail);
        }
    }

    fn push(&mut self, rule: Rule, place: &Line, detail: String) {
        let (line, line_end) = (place.line, place.line_end);
        self.findings.push(Finding { rule, detail, line, line_end });
    }
}

/// The lines of all stages.
fn stage_lines(file: &Dockerfile) -> impl Iterator<Item = &Line> {
    fn of_stage(stage: &StageItem) -> impl Iterator<Item = &Line> {
        std::iter::once(&stage.line).chain(stage.items.iter().map(|item| &item.line))
    }
    file.stages.iter().flat_map(of_stage)
}
