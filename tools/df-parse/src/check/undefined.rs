//! UndefinedVar: the probable meaning of a variable that nothing sets.

use super::scope::Scope;
use super::shell;
use crate::options::Values;
use libcli::nearest;
use libdockerfile::dockerfile::{Dockerfile, Item};
use libdockerfile::instruction::Parsed;
use libdockerfile::lines::Line;
use libdockerfile::names::stage_name;
use libwire::plan::Op;
use std::collections::BTreeMap;

/// Variables that every shell sets, or that RUN sets.
const OF_SHELLS: [&str; 12] = [
    "HOME",
    "HOSTNAME",
    "PWD",
    "OLDPWD",
    "USER",
    "LOGNAME",
    "SHELL",
    "UID",
    "EUID",
    "RANDOM",
    "BASH_SOURCE",
    "LINENO",
];

/// An instruction that sets a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Arg,
    Env,
    /// A RUN's shell, while it runs.
    Shell,
}

#[derive(Clone, Copy, Debug)]
struct Setter {
    stage: usize,
    line: u32,
    by: By,
}

/// The instructions that set each variable, in all stages of a file.
pub(super) struct Setters {
    by_name: BTreeMap<String, Vec<Setter>>,
    labels: Vec<String>,
}

impl Setters {
    pub(super) fn of(file: &Dockerfile) -> Self {
        let mut by_name: BTreeMap<String, Vec<Setter>> = BTreeMap::new();
        for (stage, item) in file.stages.iter().enumerate() {
            for item in &item.items {
                for (name, by) in set_by(item) {
                    by_name.entry(name).or_default().push(Setter { stage, line: item.line.line, by });
                }
            }
        }
        let label = |(index, stage)| stage_name(stage).unwrap_or_else(|| format!("{index}"));
        Self { by_name, labels: file.stages.iter().enumerate().map(label).collect() }
    }

    fn of_name(&self, name: &str) -> &[Setter] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }
}

fn set_by(item: &Item) -> Vec<(String, By)> {
    let Parsed::Op { op, .. } = &item.parsed else { return Vec::new() };
    match op {
        Op::Arg { args } => args.iter().map(|arg| (arg.name.clone(), By::Arg)).collect(),
        Op::Env { pairs } => pairs.iter().map(|pair| (pair.key.clone(), By::Env)).collect(),
        Op::Run { .. } => shell::assigned(item).into_iter().map(|name| (name, By::Shell)).collect(),
        _ => Vec::new(),
    }
}

/// The use of an undefined variable.
#[derive(Clone, Copy)]
pub(super) struct Use<'a> {
    pub(super) file: &'a Dockerfile,
    pub(super) globals: &'a Values,
    pub(super) setters: &'a Setters,
    pub(super) scope: &'a Scope,
    pub(super) stage: usize,
    pub(super) line: &'a Line,
    /// The word, or nothing for a here-document.
    pub(super) word: Option<&'a str>,
    /// The name whose value the word is.
    pub(super) key: Option<&'a str>,
}

/// The finding's text for `name`: BuildKit's, and advice.
pub(super) fn detail(place: &Use, name: &str) -> String {
    let near = nearest(name, place.scope.names());
    let hint = place.elsewhere(name).or_else(|| place.literal(name));
    let hint = hint.or_else(|| near.is_none().then(|| place.declare(name)));
    let near = near.map_or_else(String::new, |near| format!(" (did you mean ${near}?)"));
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    format!("Usage of undefined variable '${name}'{near}{hint}")
}

impl Use<'_> {
    /// The advice for a name that is set, but not for this word.
    fn elsewhere(&self, name: &str) -> Option<String> {
        let setters = self.setters.of_name(name);
        let own = |setter: &&Setter| setter.stage == self.stage;
        if is_global(self.file, name) {
            return Some(format!("it is known only before the first FROM, write ARG {name} in this stage"));
        }
        if self.globals.contains_key(name) {
            return Some(format!("the builder knows it: write ARG {name} in this stage to have it"));
        }
        if self.key == Some(name) {
            return Some(format!("{}it is empty before this line: leave ${name} out", self.unless()));
        }
        if setters.iter().filter(own).any(|setter| setter.line == self.line.line) {
            return Some(format!("an instruction does not see what it sets: set {name} in one above"));
        }
        let variable = |setter: &&Setter| setter.by != By::Shell;
        if let Some(late) =
            setters.iter().filter(own).find(|setter| variable(setter) && setter.line > self.line.line)
        {
            let what = if late.by == By::Arg { "ARG" } else { "ENV" };
            return Some(format!(
                "{what} {name} in line {} comes too late, move it above this line",
                late.line
            ));
        }
        if let Some(run) = setters.iter().filter(own).rfind(|setter| setter.by == By::Shell) {
            return Some(format!(
                "the shell of the RUN in line {} sets it, and it ends with that RUN: set it with ARG or ENV, or do this in that RUN",
                run.line
            ));
        }
        if OF_SHELLS.contains(&name) {
            return Some(format!(
                "only the shell of a RUN has it: write the value, or set it with ENV {name}=…"
            ));
        }
        setters.iter().find(variable).map(|setter| {
            let label = &self.setters.labels[setter.stage];
            format!("only stage {label} sets it, in line {}: write ARG {name} in this stage too", setter.line)
        })
    }

    /// The advice for a text that is probably not a variable.
    fn literal(&self, name: &str) -> Option<String> {
        match self.word {
            None => Some("to keep the text unchanged, quote the word after <<, as in <<\"EOF\"".into()),
            Some(word) => {
                is_text(word, name).then(|| format!("for a dollar sign write {}$", self.file.escape()))
            }
        }
    }

    /// The advice for a name that is not set anywhere.
    fn declare(&self, name: &str) -> String {
        format!("{}declare it with ARG {name}", self.unless())
    }

    /// An unknown base image may set more variables.
    fn unless(&self) -> &'static str {
        if self.scope.open { "unless the base image sets it, " } else { "" }
    }
}

/// Whether a name in a word is probably text after a dollar sign: a password, a pattern, or a field in awk.
fn is_text(word: &str, name: &str) -> bool {
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return true;
    }
    let Some(at) = word.find(&format!("${name}")) else { return false };
    let before = word[..at].chars().next_back();
    let inside = before.is_some_and(|c| c.is_alphanumeric() || "$!@#%^&*)]}".contains(c));
    inside && name.contains(|c: char| c.is_lowercase())
}

/// Whether an ARG before the first FROM has the name.
fn is_global(file: &Dockerfile, name: &str) -> bool {
    file.globals.iter().any(|item| match &item.parsed {
        Parsed::Op { op: Op::Arg { args }, .. } => args.iter().any(|arg| arg.name == name),
        _ => false,
    })
}
