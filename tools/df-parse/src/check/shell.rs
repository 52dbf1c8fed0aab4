//! RUN's commands as words, as far as the text shows them. Never runs or expands anything.

use libdockerfile::dockerfile::Item;
use libdockerfile::instruction::Parsed;
use libwire::plan::{Command, Op};

/// The simple commands of a RUN, in order; empty for any other instruction.
pub(super) fn commands(item: &Item) -> Vec<Vec<String>> {
    written(item).into_iter().map(plain).filter(|words| !words.is_empty()).collect()
}

/// The variables that a RUN's shell sets, which end with it.
pub(super) fn assigned(item: &Item) -> Vec<String> {
    written(item).iter().flat_map(|words| assignments(words)).collect()
}

/// The simple commands of a RUN with all that stands before them.
fn written(item: &Item) -> Vec<Vec<String>> {
    let Parsed::Op { op: Op::Run { command, heredocs, .. }, .. } = &item.parsed else { return Vec::new() };
    match command {
        Command::Exec(words) => match &words[..] {
            [shell, flag, script] if shell.ends_with("sh") && flag.ends_with('c') => split(script),
            [] => Vec::new(),
            _ => vec![words.clone()],
        },
        Command::Shell(text) if text.trim_start().starts_with("<<") => {
            let script = heredocs.first().map_or("", |doc| doc.body.as_str());
            let other = script.starts_with("#!") && !script.lines().next().unwrap_or("").ends_with("sh");
            if other { Vec::new() } else { split(script) }
        }
        Command::Shell(text) => split(text),
    }
}

/// Splits at `;`, `&`, `|` and line ends outside quotes, and at blanks.
fn split(script: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), String::new());
    let mut quote = None;
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '\\') => match chars.next() {
                Some('\n') | None => {}
                Some(next) => word.push(next),
            },
            (None, '#') if word.is_empty() => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, c) if c.is_whitespace() || ";&|(){}".contains(c) && !inside(&word, c) => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if !c.is_whitespace() || c == '\n' {
                    all.push(std::mem::take(&mut words));
                }
            }
            (_, c) => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    all.push(words);
    all
}

/// Braces within a word, as of `${x}` and `a/{b,c}`, do not end a command.
fn inside(word: &str, c: char) -> bool {
    (c == '{' && !word.is_empty()) || (c == '}' && word.contains('{'))
}

/// The variables that one command sets: `A=x`, `export A=x`, `read A`, `for A in`.
fn assignments(words: &[String]) -> Vec<String> {
    let mut words = words
        .iter()
        .map(String::as_str)
        .skip_while(|word| ["then", "do", "else", "while", "if", "!"].contains(word));
    let name = |word: &str| {
        let name = word.split('=').next().unwrap_or_default().trim_end_matches('+');
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        (first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then(|| name.to_owned())
    };
    let mut found = Vec::new();
    for word in words.by_ref() {
        match word {
            "for" => return words.next().and_then(name).into_iter().collect(),
            "export" | "local" | "declare" | "readonly" | "typeset" | "read" => {
                return words.filter(|word| !word.starts_with('-')).filter_map(name).collect();
            }
            word if word.contains('=') => found.extend(name(word)),
            _ => break,
        }
    }
    found
}

/// Without what stands before the command's name.
fn plain(words: Vec<String>) -> Vec<String> {
    const BEFORE: [&str; 10] = ["sudo", "then", "do", "else", "if", "!", "env", "exec", "time", "command"];
    let skipped = |word: &String| {
        BEFORE.contains(&word.as_str()) || (word.contains('=') && !word.starts_with(['-', '/', '=']))
    };
    words.into_iter().skip_while(skipped).collect()
}
