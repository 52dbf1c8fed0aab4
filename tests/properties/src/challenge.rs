//! What registries say they want to be shown: the header WWW-Authenticate.

use crate::choices::Choices;
use libregistry::challenge::{Challenge, parse};
use std::collections::BTreeMap;

const SCHEMES: [&str; 5] = ["Bearer", "BASIC", "basic", "Negotiate", "x-1"];
const NAMES: [&str; 6] = ["realm", "service", "Scope", "error", "a", "b!"];
const PIECES: [&str; 16] = [
    "a",
    "https://h/t",
    "\"",
    "\\",
    ",",
    "=",
    " ",
    "repository:x:pull",
    "Bearer realm=",
    "é",
    "\t",
    "",
    "?",
    "&",
    "(",
    "1",
];

/// Challenges, written in any way that the grammar allows, are read as they were meant.
pub fn challenge(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let mut header = space(choices);
    let mut meant = Vec::new();
    for at in 0..choices.below(4) {
        if at > 0 {
            header += &comma(choices);
        }
        meant.push(write(choices, &mut header));
    }
    header += choices.pick(&["", ",", " , ,"]);
    assert_eq!(parse(header.as_bytes()), meant, "{header:?}");
}

fn write(choices: &mut Choices, header: &mut String) -> Challenge {
    let scheme = choices.pick(&SCHEMES);
    *header += scheme;
    let mut parameters = BTreeMap::new();
    for at in 0..choices.below(5) {
        *header += &if at == 0 { format!(" {}", space(choices)) } else { comma(choices) };
        let name = choices.pick(&NAMES);
        let value = choices.text(5, &PIECES);
        let written = format!("{name}{}={}{}", space(choices), space(choices), quoted(choices, &value));
        *header += &written;
        parameters.entry(name.to_ascii_lowercase()).or_insert(value);
    }
    Challenge { scheme: scheme.to_ascii_lowercase(), parameters }
}

/// A value as a token, where it may be one, or in quotes.
fn quoted(choices: &mut Choices, value: &str) -> String {
    let bare = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'&');
    if bare && choices.one_in(2) {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        if matches!(character, '"' | '\\') || choices.one_in(8) {
            text.push('\\');
        }
        text.push(character);
    }
    text + "\""
}

fn space(choices: &mut Choices) -> String {
    choices.pick(&["", "", " ", "\t "]).to_owned()
}

fn comma(choices: &mut Choices) -> String {
    choices.pick(&[",", ", ", " ,\t", ",,"]).to_owned()
}

/// Any header is read, with no more in it than there was.
pub fn challenge_text(bytes: &[u8]) {
    let all = parse(bytes);
    let mut total = 0;
    for challenge in &all {
        assert!(!challenge.scheme.is_empty() && challenge.scheme.is_ascii(), "{challenge:?}");
        total += challenge.scheme.len();
        for (name, value) in &challenge.parameters {
            assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()), "{challenge:?}");
            // Bytes that are no text become signs of three bytes.
            total += name.len() + value.len().div_ceil(3);
        }
    }
    assert!(total <= bytes.len(), "{total} of {}: {all:?}", bytes.len());
}
