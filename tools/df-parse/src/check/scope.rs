//! The variables of a stage, as far as the file and its base image are known.

use crate::args;
use crate::bases::Image;
use libdockerfile::dockerfile::Dockerfile;
use std::collections::{BTreeMap, BTreeSet};

/// The state that a stage passes to the stages built on it.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    values: BTreeMap<String, String>,
    /// ARGs, with a value or without.
    declared: BTreeSet<String>,
    /// Whether SHELL was used.
    pub(super) shell: bool,
    /// Whether WORKDIR was used.
    pub(super) workdir: bool,
    /// Whether it starts from an unknown image, which may set more variables.
    pub(super) open: bool,
}

impl Scope {
    /// The scope of a stage that starts from nothing. PATH is always set.
    pub(super) fn new() -> Self {
        let path =
            ("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        let (values, declared) = (BTreeMap::from([path]), BTreeSet::new());
        Self { values, declared, shell: false, workdir: false, open: false }
    }

    /// The scope of a stage that starts from an image, as far as that is known.
    pub(super) fn on(image: Option<&Image>) -> Self {
        let mut scope = Self { open: image.is_none(), ..Self::new() };
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

    /// The word expanded; empty if that is impossible.
    pub(super) fn word(&self, file: &Dockerfile, word: &str) -> String {
        args::expanded(file, word, &self.values).unwrap_or_default()
    }

    /// The words that a word expands to.
    pub(super) fn words(&self, file: &Dockerfile, word: &str) -> Vec<String> {
        file.expander().words(word, &|name| self.values.get(name).cloned()).unwrap_or_default()
    }

    /// The variables in a word that do not exist.
    pub(super) fn missing(&self, file: &Dockerfile, word: &str) -> BTreeSet<String> {
        let (_, missing) = args::lookups(file, word, &|name| self.values.get(name).cloned());
        &missing - &self.declared
    }

    /// The same for a here-document.
    pub(super) fn missing_in_body(&self, file: &Dockerfile, body: &str) -> BTreeSet<String> {
        let (_, missing) = args::body_lookups(file, body, &|name| self.values.get(name).cloned());
        &missing - &self.declared
    }

    /// The variables that have a value.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}
