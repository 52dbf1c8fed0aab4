//! The parts of an instruction's text: name, flags, and the rest as words, pairs or a JSON array.

use crate::error::{Kind, ParseError};
use libcli::nearest;
use libwire::plan::{Command, Pair};

/// Whether a character separates words. Other spaces of Unicode, such as the no-break space, are part of words,
/// except in texts with quotes.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{b}' | '\u{c}' | '\r')
}

/// The text after an instruction's name, and the name as written.
pub fn name_and_rest(text: &str) -> (&str, &str) {
    let end = text.find(is_blank).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// Words split on blanks; quotes and escapes are ordinary characters.
pub(crate) fn blank_words(text: &str) -> Vec<String> {
    text.split(is_blank).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Why a text is not a JSON array of strings.
pub(crate) enum NotJson {
    /// It is a text for a shell.
    Text,
    /// It is an array with an element that is not a string, which is an error. This is the first such element.
    NotStrings(serde_json::Value),
}

/// The strings of a JSON array, if that is the whole text.
pub(crate) fn json_array(text: &str) -> Result<Vec<String>, NotJson> {
    let text = text.trim();
    if !text.starts_with('[') {
        return Err(NotJson::Text);
    }
    let values: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| NotJson::Text)?;
    let string = |value| match value {
        serde_json::Value::String(text) => Ok(text),
        other => Err(NotJson::NotStrings(other)),
    };
    values.into_iter().map(string).collect()
}

/// The error for an array with an element that is not a string.
pub(crate) fn not_strings(value: &serde_json::Value) -> ParseError {
    let what = "when using JSON array syntax, arrays must be comprised of strings only";
    let hint = match value.is_array() || value.is_object() {
        true => String::new(),
        false => format!("; write \"{value}\""),
    };
    ParseError::new(format!("{what}{hint}")).token(value.to_string()).unreadable()
}

/// A command in exec form, or the text for a shell.
pub(crate) fn command(text: &str) -> Result<Command, ParseError> {
    match json_array(text) {
        Ok(words) => Ok(Command::Exec(words)),
        Err(NotJson::Text) => Ok(Command::Shell(text.to_owned())),
        Err(NotJson::NotStrings(value)) => Err(not_strings(&value)),
    }
}

/// The strings of a JSON array, or words split on white space.
pub(crate) fn array_or_words(text: &str) -> Result<Vec<String>, ParseError> {
    match json_array(text) {
        Ok(words) => Ok(words),
        Err(NotJson::Text) => Ok(blank_words(text)),
        Err(NotJson::NotStrings(value)) => Err(not_strings(&value)),
    }
}

/// Words split on white space outside quotes. Quotes and escapes stay for the expansion.
pub(crate) fn quoted_words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == escape && quote != Some('\'') {
            if let Some(next) = chars.next() {
                word.get_or_insert_default().extend([c, next]);
            }
            continue;
        }
        match quote {
            None if c.is_whitespace() => {
                words.extend(word.take());
                continue;
            }
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        word.get_or_insert_default().push(c);
    }
    words.extend(word);
    words
}

/// Parses `key=value …`, or the old form `key value`. Also returns whether it was the old form.
pub(crate) fn pairs(name: &str, text: &str, escape: char) -> Result<(Vec<Pair>, bool), ParseError> {
    let words = quoted_words(text, escape);
    let Some(first) = words.first() else {
        return Err(ParseError::of(Kind::MissingArgument { instruction: name.to_owned(), exactly: false }));
    };
    if !first.contains('=') {
        let (key, value) = name_and_rest(text);
        if value.is_empty() {
            let what =
                format!("{name} must have two arguments, a name and a value; write {name} {key}=value");
            return Err(ParseError::new(what).token(key).unreadable());
        }
        return Ok((vec![Pair { key: key.to_owned(), value: value.to_owned() }], true));
    }
    let pair = |(at, word): (usize, &String)| {
        let (key, value) = word.split_once('=').ok_or_else(|| {
            let before = at.checked_sub(1).map(|at| words[at].clone());
            let (instruction, text) = (name.to_owned(), text.to_owned());
            ParseError::of(Kind::NoPair { instruction, text, before }).token(word.clone()).unreadable()
        })?;
        if key.is_empty() {
            return Err(ParseError::new(format!("{name} names can not be blank")).token(word.clone()));
        }
        Ok(Pair { key: key.to_owned(), value: value.to_owned() })
    };
    Ok((words.iter().enumerate().map(pair).collect::<Result<_, _>>()?, false))
}

/// The kind of a flag.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FlagKind {
    /// `--name=value`, once.
    Value,
    /// `--name[=true|false]`, once.
    Switch,
    /// `--name=value`, any number of times.
    List,
}

/// An instruction's flags, in order.
#[derive(Debug, Default)]
pub(crate) struct Flags(Vec<(String, String)>);

impl Flags {
    /// Takes the flags from the start of `text`, and checks them against those `known`. `--` ends them.
    pub(crate) fn take<'a>(
        instruction: &str,
        text: &'a str,
        escape: char,
        known: &[(&str, FlagKind)],
    ) -> Result<(Self, &'a str), ParseError> {
        let mut rest = text.trim_start();
        let mut flags = Self::default();
        while rest.starts_with("--") {
            let (word, after) = flag_word(rest, escape);
            rest = after.trim_start();
            if word == "--" {
                break;
            }
            flags.add(instruction, &word, rest, known)?;
        }
        Ok((flags, rest))
    }

    /// Adds a flag; `behind` is the text after it.
    fn add(
        &mut self,
        instruction: &str,
        word: &str,
        behind: &str,
        known: &[(&str, FlagKind)],
    ) -> Result<(), ParseError> {
        let error = |what: String, name: &str| Err(ParseError::new(what).token(format!("--{name}")));
        let (name, value) =
            word[2..].split_once('=').map_or((&word[2..], None), |(name, value)| (name, Some(value)));
        let Some((_, kind)) = known.iter().find(|(flag, _)| *flag == name) else {
            let near = nearest(name, known.iter().map(|(flag, _)| *flag));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean --{near}?"));
            return error(format!("unknown flag --{name} of {instruction}{hint}"), name);
        };
        let value = match (kind, value) {
            (FlagKind::Switch, None) => "true",
            (FlagKind::Switch, Some("")) => {
                let what = format!("missing a value on flag: --{name}; write --{name} or --{name}=false");
                return error(what, name);
            }
            (FlagKind::Switch, Some(value)) if value.eq_ignore_ascii_case("true") => "true",
            (FlagKind::Switch, Some(value)) if value.eq_ignore_ascii_case("false") => "false",
            (FlagKind::Switch, Some(value)) => {
                let what =
                    format!("expecting boolean value for flag --{name}, not: {value}; use true or false");
                return error(what, name);
            }
            (_, Some(value)) => value,
            (_, None) => {
                let next = name_and_rest(behind).0;
                let value = if next.is_empty() || next.starts_with('-') { "VALUE" } else { next };
                return error(format!("missing a value on flag: --{name}; write --{name}={value}"), name);
            }
        };
        if *kind != FlagKind::List && self.0.iter().any(|(flag, _)| flag == name) {
            return error(format!("duplicate flag specified: --{name}; give it once"), name);
        }
        self.0.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Drops the flags at the start of `text`. ARG and STOPSIGNAL ignore them.
    pub(crate) fn skip(text: &str, escape: char) -> &str {
        let mut rest = text.trim_start();
        while rest.starts_with("--") {
            let (word, after) = flag_word(rest, escape);
            rest = after.trim_start();
            if word == "--" {
                break;
            }
        }
        rest
    }

    /// The value of a flag given once.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(flag, _)| flag == name).map(|(_, value)| value.clone())
    }

    /// Whether a switch is on; `None` if it was not given.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        self.value(name).map(|value| value == "true")
    }

    /// All values of a flag, in order.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(flag, _)| flag == name).map(|(_, value)| value.clone()).collect()
    }
}

/// A flag without its quotes and escapes, and the text after it.
fn flag_word(text: &str, escape: char) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            None if c.is_whitespace() => return (word, &text[at..]),
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ if c == escape => word.extend(chars.next().map(|(_, next)| next)),
            _ => word.push(c),
        }
    }
    (word, "")
}
