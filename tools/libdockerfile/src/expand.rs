//! Expands words with quotes and variables like BuildKit's shell lexer, which is not quite like a shell.

use crate::modifier::{self, MAX_TEXT, too_long};
use std::iter::Peekable;
use std::str::Chars;

/// Looks a variable up; `None` is unset.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A word that can't be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {word:?}: {what}")]
pub struct ExpandError {
    /// The word, shortened if it is long.
    pub word: String,
    /// The error in it.
    pub what: String,
}

/// How many characters of a word a message shows.
const MAX_SHOWN: usize = 200;

/// Expands words of a Dockerfile with a given escape character.
#[derive(Clone, Copy, Debug)]
pub struct Expander {
    escape: char,
}

impl Expander {
    /// `escape` is the file's escape character.
    pub fn new(escape: char) -> Self {
        Self { escape }
    }

    /// The word with variables expanded and quotes removed.
    pub fn word(&self, text: &str, get: Lookup) -> Result<String, ExpandError> {
        self.process(text, self.escape, true, get).map(|words| words.text)
    }

    /// Expands `text` to words. White space outside quotes separates words, even if it came from a variable.
    pub fn words(&self, text: &str, get: Lookup) -> Result<Vec<String>, ExpandError> {
        self.process(text, self.escape, true, get).map(Words::finish)
    }

    /// Expands the body of a COPY heredoc. Quotes are literal, and the escape is `\` whatever the file's escape is.
    pub fn heredoc_body(&self, text: &str, get: Lookup) -> Result<String, ExpandError> {
        self.process(text, '\\', false, get).map(|words| words.text)
    }

    fn process(&self, text: &str, escape: char, quotes: bool, get: Lookup) -> Result<Words, ExpandError> {
        let mut scan = Scan { chars: text.chars().peekable(), escape, quotes, get, depth: 0 };
        scan.until(None, false)
            .map_err(|what| ExpandError { word: text.chars().take(MAX_SHOWN).collect(), what })
    }
}

/// The text so far, and the words it splits into.
#[derive(Default)]
struct Words {
    text: String,
    words: Vec<String>,
    word: Option<String>,
}

impl Words {
    fn literal(&mut self, text: &str) {
        self.text.push_str(text);
        // Empty quotes alone are not a word.
        if !text.is_empty() {
            self.word.get_or_insert_default().push_str(text);
        }
    }

    fn split(&mut self, text: &str) {
        self.text.push_str(text);
        for c in text.chars() {
            match c.is_whitespace() {
                true => self.words.extend(self.word.take()),
                false => self.word.get_or_insert_default().push(c),
            }
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.words.extend(self.word.take());
        self.words
    }
}

struct Scan<'a> {
    chars: Peekable<Chars<'a>>,
    escape: char,
    quotes: bool,
    get: Lookup<'a>,
    depth: usize,
}

impl Scan<'_> {
    /// Reads up to `stop`, or to the end. With `raw`, escapes stay, because they belong to a pattern.
    fn until(&mut self, stop: Option<char>, raw: bool) -> Result<Words, String> {
        self.depth += 1;
        if self.depth > 100 {
            return Err("nested too deeply".into());
        }
        let mut out = Words::default();
        while let Some(c) = self.chars.next() {
            match c {
                c if Some(c) == stop => {
                    self.depth -= 1;
                    return Ok(out);
                }
                '\'' if self.quotes => out.literal(&self.single_quoted()?),
                '"' if self.quotes => out.literal(&self.double_quoted(raw)?),
                '$' => {
                    let value = self.dollar()?;
                    out.split(&value);
                }
                c if c == self.escape => {
                    let Some(next) = self.chars.next() else { break };
                    if raw {
                        out.literal(&c.to_string());
                    }
                    out.literal(&next.to_string());
                }
                c => out.split(c.encode_utf8(&mut [0; 4])),
            }
            if out.text.len() > MAX_TEXT {
                return Err(too_long());
            }
        }
        self.depth -= 1;
        match stop {
            Some('}') => Err("syntax error: missing '}'".into()),
            Some('/') => Err("syntax error: missing '/' in ${}".into()),
            Some(stop) => Err(format!("unexpected end of statement while looking for matching {stop}")),
            None => Ok(out),
        }
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut out = String::new();
        for c in self.chars.by_ref() {
            match c {
                '\'' => return Ok(out),
                c => out.push(c),
            }
        }
        Err("unexpected end of statement while looking for matching single-quote".into())
    }

    fn double_quoted(&mut self, raw: bool) -> Result<String, String> {
        let mut out = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '"' => return Ok(out),
                '$' => out += &self.dollar()?,
                c if c == self.escape => {
                    if raw {
                        out.push(c);
                    }
                    match self.chars.next() {
                        Some(next) if next == '"' || next == '$' || next == self.escape => out.push(next),
                        Some(next) => out.extend([c, next]),
                        None => {}
                    }
                }
                c => out.push(c),
            }
            if out.len() > MAX_TEXT {
                return Err(too_long());
            }
        }
        Err("unexpected end of statement while looking for matching double-quote".into())
    }

    fn dollar(&mut self) -> Result<String, String> {
        if self.chars.next_if_eq(&'{').is_some() {
            return self.braces();
        }
        match self.name() {
            name if name.is_empty() => Ok("$".into()),
            name => Ok((self.get)(&name).unwrap_or_default()),
        }
    }

    /// A variable's name, a positional parameter's digits, or one special parameter.
    fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some(c) = self.chars.next_if(|c| "@*#?-$!".contains(*c)) {
            return c.to_string();
        }
        let digits = self.chars.peek().is_some_and(char::is_ascii_digit);
        let part = |c: &char| if digits { c.is_ascii_digit() } else { c.is_alphanumeric() || *c == '_' };
        while let Some(c) = self.chars.next_if(part) {
            name.push(c);
        }
        name
    }

    fn braces(&mut self) -> Result<String, String> {
        match self.chars.peek() {
            None => return Err("syntax error: missing '}'".into()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".into()),
            Some(_) => {}
        }
        let name = self.name();
        let value = (self.get)(&name);
        let missing = || "syntax error: missing '}'".to_owned();
        let unsupported =
            |modifier: String| Err(format!("unsupported modifier ({modifier}) in substitution"));
        match self.chars.next().ok_or_else(missing)? {
            '}' => Ok(value.unwrap_or_default()),
            ':' => match self.chars.next().ok_or_else(missing)? {
                c @ ('-' | '+' | '?') => self.default(&name, value, c, true),
                c => unsupported(format!(":{c}")),
            },
            c @ ('-' | '+' | '?') => self.default(&name, value, c, false),
            c @ ('#' | '%') => {
                let greedy = self.chars.next_if_eq(&c).is_some();
                let pattern = self.until(Some('}'), true)?.text;
                let value = value.unwrap_or_default();
                match c {
                    '#' => modifier::without_prefix(&value, &pattern, greedy),
                    _ => modifier::without_suffix(&value, &pattern, greedy),
                }
            }
            '/' => {
                let all = self.chars.next_if_eq(&'/').is_some();
                let pattern = self.until(Some('/'), true)?.text;
                let replacement = self.until(Some('}'), true)?.text;
                modifier::replaced(&value.unwrap_or_default(), &pattern, &replacement, all)
            }
            c => unsupported(c.to_string()),
        }
    }

    fn default(
        &mut self,
        name: &str,
        value: Option<String>,
        op: char,
        empty_is_unset: bool,
    ) -> Result<String, String> {
        let word = self.until(Some('}'), false)?.text;
        let was_set = value.is_some();
        let value = value.filter(|value| !(empty_is_unset && value.is_empty()));
        match (op, value) {
            ('-', value) => Ok(value.unwrap_or(word)),
            ('+', value) => Ok(value.map(|_| word).unwrap_or_default()),
            (_, Some(value)) => Ok(value),
            (_, None) if word.is_empty() && was_set => Err(format!("{name}: is not allowed to be empty")),
            (_, None) if word.is_empty() => Err(format!("{name}: is not allowed to be unset")),
            (_, None) => Err(format!("{name}: {word}")),
        }
    }
}
