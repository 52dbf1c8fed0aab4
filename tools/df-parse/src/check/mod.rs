//! Build checks: BuildKit's rules, with its names and words, and how they are switched off.

mod report;
mod rules;
mod variables;

pub use report::{write_json, write_text};

use crate::dockerfile::{Dockerfile, StageItem};
use crate::error::did_you_mean;
use crate::lines::Line;
use crate::{Options, ParseError};
use libpattern::Matcher;

/// A rule: its name, and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As in `# check=skip=NAME`.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
}

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

/// What the file's `# check=` directive says.
#[derive(Clone, Debug, Default, PartialEq)]
struct Settings {
    skip: Vec<String>,
    skip_all: bool,
    experimental: Vec<String>,
    experimental_all: bool,
    error: bool,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// Findings by line.
    pub findings: Vec<Finding>,
    /// Whether `# check=error=true` makes them an error.
    pub error: bool,
}

/// Checks a file. `ignored` is the build context's `.dockerignore`.
pub fn check(file: &Dockerfile, options: &Options, ignored: &Matcher) -> Result<Checked, ParseError> {
    let settings = settings(file.directives.check.as_deref().unwrap_or_default());
    let mut found = Vec::new();
    rules::collect(file, ignored, &mut found);
    variables::collect(file, options, &mut found)?;
    found.retain(|finding| settings.wants(finding) && !skipped_here(file, finding));
    found.sort_by_key(|finding| (finding.line, finding.rule.name));
    Ok(Checked { findings: found, error: settings.error })
}

fn settings(text: &str) -> Settings {
    let mut settings = Settings::default();
    for part in text.split(';') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let list = || value.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
        match key.trim() {
            "skip" => {
                settings.skip_all |= list().any(|name| name == "all");
                settings.skip.extend(list());
            }
            "experimental" => {
                settings.experimental_all |= list().any(|name| name == "all");
                settings.experimental.extend(list());
            }
            "error" => settings.error = value.trim() == "true",
            _ => {}
        }
    }
    settings
}

impl Settings {
    fn wants(&self, finding: &Finding) -> bool {
        let name = finding.rule.name.to_lowercase();
        if finding.rule == rules::INVALID_DEFINITION_DESCRIPTION {
            return self.experimental_all || self.experimental.contains(&name);
        }
        !self.skip_all && !self.skip.contains(&name)
    }
}

/// Whether a comment right above the instruction, `# check=skip=RULE // why`, silences the finding.
fn skipped_here(file: &Dockerfile, finding: &Finding) -> bool {
    lines(file).filter(|line| line.line == finding.line).flat_map(|line| &line.comments).any(|comment| {
        let Some(value) = comment.strip_prefix("check=") else { return false };
        let value = value.split("//").next().unwrap_or_default();
        !settings(value).wants(finding)
    })
}

/// Every instruction's line.
fn lines(file: &Dockerfile) -> impl Iterator<Item = &Line> {
    fn of_stage(stage: &StageItem) -> impl Iterator<Item = &Line> {
        std::iter::once(&stage.line).chain(stage.items.iter().map(|item| &item.line))
    }
    let globals = file.globals.iter().map(|item| &item.line);
    globals.chain(file.stages.iter().flat_map(of_stage))
}

/// ` (did you mean X?)` where a known name is near.
fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(word, known)
}
