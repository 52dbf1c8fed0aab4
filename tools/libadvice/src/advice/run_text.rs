//! The text of a RUN: its flags, its command, and its lines.

/// A RUN in shell form.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<'a> {
    /// `--mount=…` and other flags, as written.
    pub flags: Vec<&'a str>,
    /// The command.
    pub command: &'a str,
}

/// The RUN in a text, unless it has a here-document, a comment, or the exec form.
pub fn parse(text: &str) -> Option<Run<'_>> {
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

/// The lines of an instruction, as its author may have written them. Lines are broken at two or more spaces, because
/// only those remain of a continued line, but not within quotes or after a backslash.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_flags_and_a_command() {
        let found = parse("RUN --mount=type=cache,target=/c --network=none  make all").unwrap();
        assert_eq!((found.flags.len(), found.command), (2, "make all"));
        for text in ["RUN [\"make\"]", "RUN <<EOF", "COPY a b", "RUN", "RUN --network=none", "RUN a # b"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_that_was_continued_is_so_again() {
        assert_eq!(
            lines("RUN a &&     b 'x   y' \"z  z\" \\  c   && d"),
            ["RUN a && \\", "    b 'x   y' \"z  z\" \\  c \\", "    && d"]
        );
        assert_eq!(lines("RUN a && b  "), ["RUN a && b "]);
    }
}
