//! Follows a stage's tree and config, as far as the words of its instructions show them.

use crate::bases::Bases;
use libwire::plan::{Base, Command, Op, Stage};

/// The known state after some instructions of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownState {
    /// The working directory, if it is known.
    pub(crate) workdir: Option<String>,
    /// Whether there are no files yet, so that no name can be looked up in them.
    pub(crate) empty: bool,
    /// Whether SHELL names no program.
    pub(crate) no_shell: bool,
}

impl KnownState {
    /// The state before the first instruction of `stage`. `ends` are the final states of the stages above it.
    pub(crate) fn start(stage: &Stage, ends: &[(Self, bool)], bases: &Bases) -> Self {
        match (&stage.base, bases.get(&stage.index)) {
            (Base::Scratch, _) => Self { workdir: Some("/".into()), empty: true, no_shell: false },
            // Triggers are not followed.
            (Base::Stage { index }, _) => match ends.get(*index) {
                Some((end, false)) => end.clone(),
                _ => Self::default(),
            },
            (_, Some(image)) if image.triggers.is_empty() => {
                Self { workdir: Some(format!("/{}", image.workdir)), ..Self::default() }
            }
            _ => Self::default(),
        }
    }

    /// Moves past an instruction. `literal` returns a word that has no variable.
    pub(crate) fn step(&mut self, op: &Op, literal: impl Fn(&str) -> Option<String>) {
        match op {
            Op::Workdir { path } => {
                let path = literal(path);
                self.empty &= path.as_deref() == Some("/");
                self.workdir = match (path, self.workdir.take()) {
                    (Some(path), _) if path.starts_with('/') => Some(path),
                    (Some(path), Some(current)) => Some(format!("{current}/{path}")),
                    _ => None,
                };
            }
            Op::Run { .. } | Op::Copy(_) | Op::Add(_) => self.empty = false,
            Op::Shell { shell } => self.no_shell = shell.first().is_some_and(String::is_empty),
            _ => {}
        }
    }

    /// Whether a RUN of `command` would start no program.
    pub(crate) fn runs_nothing(&self, command: &Command) -> bool {
        match command {
            Command::Exec(words) => words.first().is_none_or(String::is_empty),
            Command::Shell(_) => self.no_shell,
        }
    }
}
