//! Just enough of the shell's grammar to change a RUN without changing what it does: where its top-level `&&`
//! are, and what is too much to be touched. What it does not understand it leaves alone.

/// A RUN in shell form.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<'a> {
    /// `--mount=…` and other flags, as written.
    pub flags: Vec<&'a str>,
    /// The command.
    pub command: &'a str,
}

/// The RUN that a text is, unless it has a here-document, a comment, or the exec form.
pub fn run(text: &str) -> Option<Run<'_>> {
    let (word, mut rest) = text.split_once(char::is_whitespace)?;
    if !word.eq_ignore_ascii_case("RUN") {
        return None;
    }
    let mut flags = Vec::new();
    rest = rest.trim();
    while rest.starts_with("--") {
        let (flag, after) = rest.split_once(char::is_whitespace)?;
        flags.push(flag);
        rest = after.trim_start();
    }
    let plain = !rest.is_empty() && !rest.starts_with('[') && !rest.contains("<<") && !rest.contains('\n');
    (plain && !rest.split_whitespace().any(|word| word.starts_with('#')))
        .then_some(Run { flags, command: rest })
}

/// The commands joined by `&&`, if the whole is nothing but such a list.
pub fn parts(command: &str) -> Option<Vec<&str>> {
    let bytes = command.as_bytes();
    let (mut parts, mut start, mut at, mut depth) = (Vec::new(), 0, 0, 0usize);
    let mut quote = None;
    while at < bytes.len() {
        let byte = bytes[at];
        match (quote, byte) {
            (Some(b'\''), b'\'') | (Some(b'"'), b'"') | (Some(b'`'), b'`') => quote = None,
            (Some(b'\''), _) => {}
            (_, b'\\') => at += 1,
            (Some(_), _) => {}
            (None, b'\'' | b'"' | b'`') => quote = Some(byte),
            (None, b'(' | b'{') => depth += 1,
            (None, b')' | b'}') => depth = depth.checked_sub(1)?,
            (None, b'&') if depth == 0 && bytes.get(at + 1) == Some(&b'&') => {
                parts.push(command[start..at].trim());
                (at, start) = (at + 1, at + 2);
            }
            // A redirection such as 2>&1 or &>file.
            (None, b'&') if at > 0 && bytes[at - 1] == b'>' || bytes.get(at + 1) == Some(&b'>') => {}
            (None, b'|') if depth == 0 && bytes.get(at + 1) == Some(&b'|') => return None,
            (None, b'&' | b';' | b'\n') if depth == 0 => return None,
            _ => {}
        }
        at += 1;
    }
    parts.push(command.get(start..)?.trim());
    let whole = quote.is_none() && depth == 0 && parts.iter().all(|part| !part.is_empty());
    whole.then_some(parts)
}

/// The lines of an instruction as its author may have had them: broken where more than one space is, which is all
/// that is left of a line that was continued; not within quotes, nor behind a backslash.
pub fn lines(text: &str) -> Vec<String> {
    let (mut lines, mut line, mut quote) = (Vec::new(), String::new(), None);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, ' ') if rest.peek() == Some(&' ') => {
                while rest.next_if_eq(&' ').is_some() {}
                if rest.peek().is_some() {
                    lines.push(std::mem::take(&mut line) + " \\");
                    line.push_str("   ");
                }
            }
            _ => {}
        }
        line.push(c);
        if c == '\\' && quote != Some('\'') {
            line.extend(rest.next());
        }
    }
    lines.push(line);
    lines
}

/// The first word of a command, behind assignments to variables of its own.
pub fn program(part: &str) -> &str {
    let mut words = part.split_whitespace().filter(|word| !is_assignment(word));
    words.next().unwrap_or_default()
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Whether one of the commands is run somewhere in a text, as a word of its own.
pub fn mentions(command: &str, names: &[&str]) -> bool {
    let word = |c: char| !(c.is_alphanumeric() || "-_./+".contains(c));
    command.split(word).any(|word| {
        let base = word.rsplit('/').next().unwrap_or(word);
        names.iter().any(|name| *name == word || *name == base)
    })
}

/// One command that does what two do after one another, each in a shell of its own.
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

/// Whether a command changes the shell that it is run in.
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
    fn a_run_is_flags_and_a_command() {
        let found = run("RUN --mount=type=cache,target=/c --network=none  make all").unwrap();
        assert_eq!((found.flags.len(), found.command), (2, "make all"));
        for text in ["RUN [\"make\"]", "RUN <<EOF", "COPY a b", "RUN", "RUN --network=none", "RUN a # b"] {
            assert_eq!(run(text), None, "{text}");
        }
    }

    #[test]
    fn a_list_is_cut_at_its_own_ands_only() {
        let list = "a && b 'x && y' && c $(d && e) \\& && f 2>&1";
        assert_eq!(parts(list).unwrap(), ["a", "b 'x && y'", "c $(d && e) \\&", "f 2>&1"]);
        for command in ["a; b", "a || b", "a & b", "a &&", "&& a", "a 'b", "(a", "if x; then y; fi"] {
            assert_eq!(parts(command), None, "{command}");
        }
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
    fn a_line_that_was_continued_is_so_again() {
        assert_eq!(
            lines("RUN a &&     b 'x   y' \"z  z\" \\  c   && d"),
            ["RUN a && \\", "    b 'x   y' \"z  z\" \\  c \\", "    && d"]
        );
        assert_eq!(lines("RUN a && b  "), ["RUN a && b "]);
    }

    #[test]
    fn a_program_is_known_by_its_name_as_a_word() {
        assert!(mentions("set -e; DEBIAN_FRONTEND=x /usr/bin/apt-get install", &["apt-get"]));
        assert!(!mentions("echo snapt-get apt-get-x", &["apt-get", "apt"]));
    }
}
