//! Build checks: BuildKit's rules, with its names and words, ours about size, and how they are switched off.

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

/// A rule broken at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// What exactly.
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
    /// Why the file can't be built, if it can't. There are findings all the same.
    pub refused: Option<ParseError>,
}

/// One check: its file, its rules and its extent.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The caller's options.
    pub options: &'a Options,
    /// The build context's `.dockerignore`.
    pub ignored: &'a Matcher,
    /// Which stages.
    pub extent: Extent,
    /// Whether by our rules about size and secrets too.
    pub own: bool,
}

/// Checks a Dockerfile's text, which may be one that can't be built.
pub fn check_text(text: &str, request: &Request) -> Checked {
    let (file, broken) = dockerfile::read(text);
    let line = broken.as_ref().and_then(|error| error.line);
    let mut checked = match broken.or_else(|| dockerfile::no_stages(&file)) {
        None => return check(&file, request),
        Some(error) => checked(&file, request, &[], Some(error)),
    };
    // Findings after a line that can't be read may be its consequences.
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

/// Collects what there is to find. In a file that is `refused` nothing is `planned`, and all is looked into.
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

/// What has been found so far, and what is not wanted.
struct Found {
    settings: Settings,
    findings: Vec<Finding>,
}

impl Found {
    /// Notes a finding about an instruction, unless the file or the comments above it skip the rule.
    fn at(&mut self, rule: Rule, line: &Line, detail: String) {
        self.under(line, rule, line, detail);
    }

    /// Notes a finding at `place` that the comments above `line` may skip.
    fn under(&mut self, line: &Line, rule: Rule, place: &Line, detail: String) {
        if self.settings.with_comments(&line.comments).want(rule) {
            self.push(rule, place, detail);
        }
    }

    /// Notes a finding about the file as a whole, which no comment above an instruction skips.
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
