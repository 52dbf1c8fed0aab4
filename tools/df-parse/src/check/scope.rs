//! The variables of a stage, as far as the file tells, and what is known of the image below.

use super::Found;
use super::rules::UNDEFINED_VAR;
use crate::args;
use crate::bases::Image;
use crate::dockerfile::Dockerfile;
use crate::error::nearest;
use crate::instruction::Parsed;
use crate::lines::Line;
use libwire::plan::Op;
use std::collections::{BTreeMap, BTreeSet};

/// What a stage passes on to those that start from it.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    values: BTreeMap<String, String>,
    /// ARGs, with a value or without.
    declared: BTreeSet<String>,
    /// Whether SHELL was used.
    pub(super) shell: bool,
    /// Whether WORKDIR was used.
    pub(super) workdir: bool,
}

impl Scope {
    /// Of a stage that starts from nothing: PATH is always set.
    fn new() -> Self {
        let path =
            ("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        let (values, declared) = (BTreeMap::from([path]), BTreeSet::new());
        Self { values, declared, shell: false, workdir: false }
    }

    /// Of a stage that starts from an image, as far as that is known.
    pub(super) fn on(image: Option<&Image>) -> Self {
        let mut scope = Self::new();
        if let Some(image) = image {
            scope.values.extend(image.env.iter().cloned());
            scope.shell = image.shell;
        }
        scope
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), value);
    }

    pub(super) fn declare(&mut self, name: &str, value: Option<String>) {
        self.declared.insert(name.to_owned());
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// The word expanded; empty when it can't be.
    pub(super) fn word(&self, file: &Dockerfile, word: &str) -> String {
        args::expanded(file, word, &self.values).unwrap_or_default()
    }

    /// The words that a word becomes.
    pub(super) fn words(&self, file: &Dockerfile, word: &str) -> Vec<String> {
        file.expander().words(word, &|name| self.values.get(name).cloned()).unwrap_or_default()
    }

    /// Reports the variables a word uses without there being any of that name.
    pub(super) fn report(&self, file: &Dockerfile, line: &Line, word: &str, found: &mut Found) {
        let (_, missing) = args::lookups(file, word, &|name| self.values.get(name).cloned());
        self.report_names(file, line, &missing, found);
    }

    /// The same for a here-document.
    pub(super) fn report_body(&self, file: &Dockerfile, line: &Line, body: &str, found: &mut Found) {
        let (_, missing) = args::body_lookups(file, body, &|name| self.values.get(name).cloned());
        self.report_names(file, line, &missing, found);
    }

    fn report_names(&self, file: &Dockerfile, line: &Line, missing: &BTreeSet<String>, found: &mut Found) {
        for name in missing.difference(&self.declared) {
            let near = nearest(name, self.values.keys().map(String::as_str));
            let hint = match near {
                Some(near) => format!(" (did you mean ${near}?)"),
                None if is_global(file, name) => {
                    format!("; it is known only before the first FROM, write ARG {name} in this stage")
                }
                None => format!("; for a dollar sign write {}$", file.escape()),
            };
            let detail = format!("Usage of undefined variable '${name}'{hint}");
            found.at(UNDEFINED_VAR, line, detail);
        }
    }
}

/// Whether an ARG before the first FROM has the name.
fn is_global(file: &Dockerfile, name: &str) -> bool {
    file.globals.iter().any(|item| match &item.parsed {
        Parsed::Op { op: Op::Arg { args }, .. } => args.iter().any(|arg| arg.name == name),
        _ => false,
    })
}
