//! The message of a refused Dockerfile: the error, and the probable meaning. Each hint begins with `; ` or is empty.

use crate::error::{Kind, ParseError};
use crate::instruction::{NAMES, is_stage_name};
use crate::words::{blank_words, name_and_rest};
use libcli::nearest;
use std::fmt;

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = &self.token;
        match &self.kind {
            Kind::Message(text) => f.write_str(text),
            Kind::Stray { above } => {
                let above = above.as_ref().map(|(line, text)| (*line, text.as_str()));
                write!(f, "unknown instruction {token}{}", stray(token, above))
            }
            Kind::MissingArgument { instruction, exactly } => {
                let count = if *exactly { "exactly" } else { "at least" };
                write!(f, "{instruction} requires {count} one argument{}", example(instruction))
            }
            Kind::NoPair { instruction, text, before } => {
                let hint = no_pair(instruction, text, before.as_deref(), token);
                write!(f, "Syntax error - can't find = in {token:?}. Must be of the form: name=value{hint}")
            }
            Kind::NoTerminator { name, strip_tabs, near } => {
                write!(f, "unterminated heredoc <<{name}{}", no_terminator(name, *strip_tabs, *near))
            }
            Kind::WordsOfFrom => {
                let what = "FROM requires either one or three arguments: FROM IMAGE, or FROM IMAGE AS NAME";
                write!(f, "{what}{}", words_of_from(token))
            }
        }
    }
}

impl ParseError {
    /// The same error, with `hint` after its message.
    pub fn with_hint(self, hint: &str) -> Self {
        Self { kind: Kind::Message(format!("{self}{hint}")), ..self }
    }
}

/// The hint for a `#` among the words of an instruction.
pub fn comment(text: &str) -> Option<String> {
    let inside = text.split_whitespace().skip(1).any(|word| word.starts_with('#'));
    let hint = "; text after # is part of the instruction here; put a comment on a line of its own";
    inside.then(|| hint.into())
}

/// The hint for a line that begins with `name`, which is not an instruction. Perhaps it continues the instruction
/// above, or is meant for a shell.
fn stray(name: &str, above: Option<(u32, &str)>) -> String {
    if let Some(near) = nearest(&name.to_uppercase(), NAMES) {
        return format!("; did you mean {near}?");
    }
    let joins = ["&&", "||", "|", ";", "-"].iter().any(|start| name.starts_with(start));
    match above {
        Some((number, text)) if broken_by_comment(text) => {
            format!("; a comment after \\ ends line {number}; put it on a line of its own")
        }
        Some((number, text))
            if joins || ["&&", "||", "|", ";", ","].iter().any(|end| text.ends_with(end)) =>
        {
            format!("; if it belongs to line {number}, that line must end with \\")
        }
        Some((number, text)) if name_and_rest(text).0.eq_ignore_ascii_case("run") => {
            format!(
                "; write RUN {name} … to run a command, or end line {number} with \\ if this belongs to it"
            )
        }
        _ => format!("; write RUN {name} … to run a command"),
    }
}

/// Whether a text ends with the escape character, blanks and a comment.
fn broken_by_comment(text: &str) -> bool {
    text.rsplit_once('#')
        .is_some_and(|(before, _)| before.ends_with([' ', '\t']) && before.trim_end().ends_with('\\'))
}

/// Whether a shell's text was perhaps meant as an array: `["a" "b"]` and the like, but not `[ -f x ]`.
pub fn is_broken_array(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(['[']) && text.ends_with(']') && text[1..].trim_start().starts_with(['"', '\''])
}

/// An example of an instruction with its argument.
fn example(name: &str) -> String {
    let example = match name {
        "WORKDIR" => "/app",
        "USER" => "name",
        "STOPSIGNAL" => "SIGTERM",
        "MAINTAINER" => "name",
        "ARG" => "NAME=value",
        "ENV" | "LABEL" => "name=value",
        "EXPOSE" => "80",
        "VOLUME" => "/data",
        "SHELL" => "[\"/bin/sh\", \"-c\"]",
        "HEALTHCHECK" => "CMD command",
        "ONBUILD" => "RUN command",
        _ => return String::new(),
    };
    format!("; write {name} {example}")
}

/// The hint for a word of ENV or LABEL that is not a `name=value`, after the word `before`.
fn no_pair(instruction: &str, text: &str, before: Option<&str>, word: &str) -> String {
    if text.contains(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}']) {
        return "; quotation marks are \" or ' here, not typographic ones".into();
    }
    if word.starts_with('#') {
        return comment(&format!("{instruction} {text}")).unwrap_or_default();
    }
    match before.and_then(|before| before.split_once('=')) {
        Some((_, value)) if ends_inside(value) => {
            "; quotes inside quotes end them: leave the inner ones out, or write \\\" for those that are to stay".into()
        }
        Some((key, "")) => format!("; write {key}={word} without a blank after ="),
        Some((key, value)) => {
            let value = value.trim_matches(['"', '\'']);
            format!("; if {word} belongs to the value, quote it: {instruction} {key}=\"{value} {word}\"")
        }
        None => String::new(),
    }
}

/// Whether a value begins with a quote that ends before the value does.
fn ends_inside(value: &str) -> bool {
    let rest = value.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    rest.is_some_and(|(_, after)| !after.is_empty())
}

/// The correct spelling of a pair whose name begins with a quote and whose value ends with it.
pub fn quoted_pair(instruction: &str, key: &str, value: &str) -> Option<String> {
    let quote = key.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let (key, value) = (&key[1..], value.strip_suffix(quote)?);
    let whole = !key.contains(quote) && !value.contains(quote);
    whole.then(|| format!("; the quotes belong around the value: {instruction} {key}={quote}{value}{quote}"))
}

/// The hint for a here-document without an end. `near` is a line that looks like its end.
fn no_terminator(name: &str, strip_tabs: bool, near: Option<u32>) -> String {
    match near {
        Some(number) => {
            let may = if strip_tabs { "only tabs" } else { "nothing" };
            format!("; on line {number} there may be {may} before {name}, and nothing after it")
        }
        None => format!("; end it with a line that is just {name}"),
    }
}

/// The hint for a FROM whose arguments are neither one word nor three.
fn words_of_from(text: &str) -> String {
    match &blank_words(text)[..] {
        [image, name] if is_stage_name(&name.to_lowercase()) => {
            format!("; did you mean FROM {image} AS {name}?")
        }
        _ => comment(&format!("FROM {text}")).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_quoted_already_is_quoted_once() {
        assert!(no_pair("ENV", "A=\"1\" b", Some("A=\"1\""), "b").ends_with("ENV A=\"1 b\""));
    }

    #[test]
    fn only_a_comment_behind_a_backslash_breaks_a_line() {
        assert!(broken_by_comment("RUN a && \\ # then") && !broken_by_comment("RUN a # b \\"));
        assert!(!broken_by_comment("RUN echo \\# x") && !broken_by_comment("RUN a"));
    }
}
