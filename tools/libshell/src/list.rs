//! Splits a command into a list joined by `&&`, so that one part can be changed without changing what the
//! rest does. A command that is not understood is left alone.

use crate::tokens::{Token, tokens};

/// The commands joined by `&&`, if the text is only such a list.
pub fn parts(command: &str) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0usize);
    let found = tokens(command);
    for token in &found.tokens {
        match *token {
            // A command joined after a comment would become part of the comment.
            Token::Comment => return None,
            Token::Operator("(" | "{", _) => depth += 1,
            Token::Operator(")" | "}", _) => depth = depth.checked_sub(1)?,
            Token::Operator("&&", at) if depth == 0 => {
                parts.push(command[start..at].trim());
                start = at + 2;
            }
            Token::Operator("||" | "&" | ";" | "\n", _) if depth == 0 => return None,
            _ => {}
        }
    }
    parts.push(command[start..].trim());
    let whole = found.closed && depth == 0 && parts.iter().all(|part| !part.is_empty());
    whole.then_some(parts)
}

/// The first word of a command, after its assignments to variables.
pub fn program(part: &str) -> &str {
    let mut words = part.split_whitespace().filter(|word| !is_assignment(word));
    words.next().unwrap_or_default()
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Whether one of the commands is run somewhere in a text, as a whole word.
pub fn mentions(command: &str, names: &[&str]) -> bool {
    let word = |c: char| !(c.is_alphanumeric() || "-_./+".contains(c));
    command.split(word).any(|word| {
        let base = word.rsplit('/').next().unwrap_or(word);
        names.iter().any(|name| *name == word || *name == base)
    })
}

/// One command with the effect of two commands one after another, each in its own shell.
pub fn join(first: &str, second: &str) -> String {
    let first = match parts(first) {
        Some(parts) if !parts.iter().any(|part| leaves_marks(part)) => first.to_owned(),
        _ => format!("({first})"),
    };
    match parts(second) {
        Some(_) => format!("{first} && {second}"),
        None => format!("{first} && ({second})"),
    }
}

/// Whether a command changes the state of its shell.
fn leaves_marks(part: &str) -> bool {
    let changes =
        ["cd", "export", "set", "umask", "pushd", "trap", "exec", "exit", ".", "source", "unset", "alias"];
    let program = program(part);
    program.is_empty() || changes.contains(&program) || program.starts_with(['{', '$', '!', '"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_at_its_own_ands_only() {
        let list = "a && b 'x && y' && c $(d && e) \\& && f 2>&1";
        assert_eq!(parts(list).unwrap(), ["a", "b 'x && y'", "c $(d && e) \\&", "f 2>&1"]);
        for command in [
            "a; b",
            "a || b",
            "a & b",
            "a &&",
            "&& a",
            "a 'b",
            "(a",
            "if x; then y; fi",
            "a # b && c",
            "a ${b",
        ] {
            assert_eq!(parts(command), None, "{command}");
        }
        assert_eq!(parts("a ${b:-c d} && e{").unwrap(), ["a ${b:-c d}", "e{"]);
        assert_eq!(parts("(a; b) && c | d").unwrap(), ["(a; b)", "c | d"]);
    }

    #[test]
    fn two_commands_joined_fail_when_one_does_and_share_no_shell() {
        assert_eq!(join("a && b", "c"), "a && b && c");
        assert_eq!(join("cd x && b", "rm -r y"), "(cd x && b) && rm -r y");
        assert_eq!(join("A=1 && b", "c"), "(A=1 && b) && c");
        assert_eq!(join("A=1 b", "c; d"), "A=1 b && (c; d)");
    }

    #[test]
    fn a_program_is_known_by_its_name_as_a_word() {
        assert!(mentions("set -e; DEBIAN_FRONTEND=x /usr/bin/apt-get install", &["apt-get"]));
        assert!(!mentions("echo snapt-get apt-get-x", &["apt-get", "apt"]));
    }
}
