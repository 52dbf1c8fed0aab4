//! Build checks: BuildKit's rules, with its names and words, ours about size, and how they are switched off.

mod from;
mod report;
mod rules;
mod scope;
mod settings;
mod shell;
mod size;
mod stage;

pub use report::{write_json, write_text};
pub use rules::Rule;

use crate::dockerfile::{Dockerfile, StageItem};
use crate::lines::Line;
use crate::{Options, ParseError};
use libpattern::Matcher;
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
}

/// Which stages the checks look into. The file as a whole is always looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of them.
    AllStages,
    /// The target and those it needs.
    Needed,
}

/// Checks a file. `ignored` is the build context's `.dockerignore`.
pub fn check(
    file: &Dockerfile,
    options: &Options,
    ignored: &Matcher,
    extent: Extent,
) -> Result<Checked, ParseError> {
    checked(file, options, ignored, extent, false)
}

/// Whether a variable of this name is likely to hold a secret.
pub fn names_secret(name: &str) -> bool {
    stage::is_secret(name)
}

/// As [`check`], by our rules about size and secrets too.
pub fn check_all(
    file: &Dockerfile,
    options: &Options,
    ignored: &Matcher,
    extent: Extent,
) -> Result<Checked, ParseError> {
    checked(file, options, ignored, extent, true)
}

fn checked(
    file: &Dockerfile,
    options: &Options,
    ignored: &Matcher,
    extent: Extent,
    own: bool,
) -> Result<Checked, ParseError> {
    let settings = settings::of_file(file, options)?;
    let error = settings.error;
    let planned = crate::plan(file, options)?;
    let needed = |index| extent == Extent::AllStages || planned.iter().any(|stage| stage.index == index);
    let mut found = Found { settings, findings: Vec::new() };
    rules::collect(file, &mut found);
    from::collect(file, options, &mut found)?;
    from::platforms(file, options, &planned, &mut found);
    stage::collect(file, options, ignored, &needed, &mut found)?;
    if own {
        size::collect(file, options, &mut found);
    }
    let mut findings = found.findings;
    findings.sort_by_key(|finding| (finding.line, finding.rule.name));
    Ok(Checked { findings, error })
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
