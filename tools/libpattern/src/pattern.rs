//! One pattern of a `.dockerignore`, and how it matches a path.

use crate::glob::{BadPattern, compile};
use crate::machine::{Machine, Places, SLASH, Token};
use std::sync::OnceLock;

/// A pattern that can be matched against paths.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// Its line in the file.
    pub(crate) line: usize,
    /// Whether it brings paths back.
    pub(crate) exception: bool,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// A path without wildcards.
    Plain(Vec<u32>),
    /// Any other pattern. A list may have very many, and each path needs few of them, so a machine is made when it is
    /// first needed.
    Wild { tokens: Vec<Token>, machine: OnceLock<Machine> },
}

impl Pattern {
    /// Parses a clean relative path with wildcards.
    pub(crate) fn new(line: usize, exception: bool, path: &str) -> Result<Self, BadPattern> {
        let tokens = compile(path.as_bytes(), true)?;
        let plain: Option<Vec<u32>> = tokens.iter().map(Token::literal).collect();
        let form = match plain {
            Some(text) => Form::Plain(text),
            None => Form::Wild { tokens, machine: OnceLock::new() },
        };
        Ok(Self { line, exception, form })
    }

    /// Whether it is the path `text`, or a directory above it.
    pub(crate) fn covers(&self, text: &[u32], places: &mut Places) -> bool {
        match &self.form {
            Form::Plain(plain) => is_within(text, plain),
            Form::Wild { .. } => self.machine().is_some_and(|machine| machine.covers(text, places)),
        }
    }

    /// The first level, among those `tried`, at which it matches the path `text`. 0 is the directory at the top.
    pub(crate) fn first_match(
        &self,
        text: &[u32],
        places: &mut Places,
        tried: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        match &self.form {
            Form::Plain(plain) => {
                let level = plain.iter().filter(|&&c| c == SLASH).count();
                (is_within(text, plain) && tried(level)).then_some(level)
            }
            Form::Wild { .. } => self.machine()?.first_match(text, places, tried),
        }
    }

    /// Whether some path below the directory `text` can match a pattern that has wildcards.
    pub(crate) fn leads_below(&self, text: &[u32], places: &mut Places) -> bool {
        self.machine().is_some_and(|machine| machine.leads_below(text, places))
    }

    fn machine(&self) -> Option<&Machine> {
        match &self.form {
            Form::Plain(_) => None,
            Form::Wild { tokens, machine } => Some(machine.get_or_init(|| Machine::new(tokens.clone()))),
        }
    }

    /// The texts that occur in every path it matches, in order, and whether such a path begins with the first.
    pub(crate) fn literals(&self) -> (Vec<Vec<u32>>, bool) {
        match &self.form {
            Form::Plain(text) => (vec![text.clone()], true),
            Form::Wild { tokens, .. } => {
                let runs = tokens.chunk_by(|a, b| a.literal().is_some() == b.literal().is_some());
                let texts = runs.map(|run| run.iter().filter_map(Token::literal).collect::<Vec<_>>());
                let begins = tokens.first().is_some_and(|token| token.literal().is_some());
                (texts.filter(|text| !text.is_empty()).collect(), begins)
            }
        }
    }

    /// How many components a matching path has, if that is a fixed number.
    pub(crate) fn depth(&self) -> Option<usize> {
        match &self.form {
            Form::Plain(text) => Some(text.iter().filter(|&&c| c == SLASH).count()),
            Form::Wild { tokens, .. } => {
                let fixed = |token: &Token| matches!(token, Token::Literal(_) | Token::One | Token::Star);
                let slashes = tokens.iter().filter(|token| token.literal() == Some(SLASH)).count();
                tokens.iter().all(fixed).then_some(slashes)
            }
        }
    }

    /// Whether it has no wildcards.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.form, Form::Plain(_))
    }
}

fn is_within(text: &[u32], above: &[u32]) -> bool {
    text.strip_prefix(above).is_some_and(|rest| matches!(rest.first(), None | Some(&SLASH)))
}
