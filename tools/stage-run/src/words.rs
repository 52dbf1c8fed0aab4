//! Expands the words of an instruction with the variables of its stage.

use crate::error::StepError;
use crate::scope::Scope;
use libdockerfile::expand::{ExpandError, Expander};

/// Expands words against one scope.
pub struct Words<'a> {
    expander: Expander,
    scope: &'a Scope,
}

impl<'a> Words<'a> {
    /// For a file whose escape character is `escape`.
    pub fn new(escape: char, scope: &'a Scope) -> Self {
        Self { expander: Expander::new(escape), scope }
    }

    /// One word: variables replaced, quotes and escapes removed.
    pub fn one(&self, text: &str) -> Result<String, StepError> {
        self.expander.word(text, &|name| self.get(name)).map_err(|error| bad(&error))
    }

    /// One word that may be absent.
    pub fn optional(&self, text: Option<&str>) -> Result<Option<String>, StepError> {
        text.map(|text| self.one(text)).transpose()
    }

    /// Each of several words.
    pub fn each(&self, texts: &[String]) -> Result<Vec<String>, StepError> {
        texts.iter().map(|text| self.one(text)).collect()
    }

    /// A text whose variables may expand to several words.
    pub fn several(&self, text: &str) -> Result<Vec<String>, StepError> {
        self.expander.words(text, &|name| self.get(name)).map_err(|error| bad(&error))
    }

    /// A here-document's body: variables replaced, quotes kept.
    pub fn body(&self, text: &str) -> Result<String, StepError> {
        self.expander.heredoc_body(text, &|name| self.get(name)).map_err(|error| bad(&error))
    }

    fn get(&self, name: &str) -> Option<String> {
        self.scope.get(name).map(str::to_owned)
    }
}

fn bad(error: &ExpandError) -> StepError {
    StepError::input(error).token(&error.word)
}
