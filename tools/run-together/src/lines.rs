//! Reads the lines to run: commands of the form `NAME: COMMAND`. Lines after an empty line wait for those above it.

/// The parts of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name in messages.
    pub name: String,
    /// The first command of its pipeline, as text for sh.
    pub first: String,
    /// The commands that follow it, if any.
    pub rest: Option<String>,
}

/// Reads the commands, in groups. A line break in quotes ends no line.
pub fn groups(text: &str) -> Result<Vec<Vec<Job>>, String> {
    let mut groups = vec![Vec::new()];
    for (number, line) in lines(text)? {
        match (line.trim().is_empty(), groups.last_mut()) {
            (true, _) => groups.push(Vec::new()),
            (false, Some(group)) => group.push(job(line).map_err(|what| format!("line {number}: {what}"))?),
            (false, None) => {}
        }
    }
    groups.retain(|group| !group.is_empty());
    Ok(groups)
}

/// The lines of a text with their numbers.
fn lines(text: &str) -> Result<Vec<(usize, &str)>, String> {
    let (mut lines, mut rest, mut number) = (Vec::new(), text, 1);
    while !rest.is_empty() {
        let end = first(rest, '\n').ok_or_else(|| format!("line {number}: a quote is not closed"))?;
        let line = &rest[..end];
        lines.push((number, line));
        number += 1 + line.matches('\n').count();
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Ok(lines)
}

fn job(line: &str) -> Result<Job, &'static str> {
    let (name, command) = line.split_once(": ").ok_or("a line is NAME: COMMAND")?;
    let pipe = first(command, '|').filter(|&at| at < command.len());
    let (first, rest) = match pipe {
        Some(at) => (&command[..at], Some(command[at + 1..].trim().to_owned())),
        None => (command, None),
    };
    Ok(Job { name: name.trim().to_owned(), first: first.trim().to_owned(), rest })
}

/// The first position of `sign` as a sign of sh: outside of quotes and, for a pipe sign, not half of `||`. The end of
/// the text, if it is not there; `None` if a quote is not closed.
fn first(text: &str, sign: char) -> Option<usize> {
    find(text, |c| c == sign)
}

/// Whether sh needs no process of its own for a command, because nothing follows its one program.
pub fn is_simple(command: &str) -> bool {
    find(command, |c| ";&|(){}\n".contains(c)) == Some(command.len())
}

/// The position of the first sign that `is_sought`, outside of quotes; see [`first`].
fn find(text: &str, is_sought: impl Fn(char) -> bool) -> Option<usize> {
    let mut quote = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => drop(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(c),
            ('|', None) if !is_sought('&') && chars.next_if(|(_, next)| *next == '|').is_some() => {}
            (c, None) if is_sought(c) => return Some(at),
            _ => {}
        }
    }
    quote.is_none().then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_command_ends_at_the_first_pipe_that_is_one() {
        for (line, first, rest) in [
            ("a: x y", "x y", None),
            ("a: x | y | z", "x", Some("y | z")),
            ("a: x '|' \"|\\\"|\" \\| || z | y", "x '|' \"|\\\"|\" \\| || z", Some("y")),
            ("a: x 'it'\\''s|'|y", "x 'it'\\''s|'", Some("y")),
        ] {
            let job = job(line).unwrap();
            assert_eq!((job.name.as_str(), job.first.as_str(), job.rest.as_deref()), ("a", first, rest));
        }
        assert!(job("x y").is_err());
    }

    #[test]
    fn a_simple_command_is_one_program() {
        for simple in ["a b <c >d", "a '; b' \"$x && y\" \\;"] {
            assert!(is_simple(simple), "{simple}");
        }
        for other in ["a; b", "a && b", "a || b", "{ a; }", "(a)", "a &", "a\nb"] {
            assert!(!is_simple(other), "{other}");
        }
    }

    #[test]
    fn an_empty_line_ends_a_group_and_a_quoted_line_break_no_line() {
        let groups = groups("a: x 'one\n\ntwo'\nb: y\n\n\nc: z").unwrap();
        let names = |group: &Vec<Job>| group.iter().map(|job| job.name.clone()).collect::<Vec<_>>();
        assert_eq!(groups.iter().map(names).collect::<Vec<_>>(), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(groups[0][0].first, "x 'one\n\ntwo'");
        assert_eq!(super::groups("a: x\nb: y 'z\n").unwrap_err(), "line 2: a quote is not closed");
        assert_eq!(super::groups("a: x '\n'\nb\n").unwrap_err(), "line 3: a line is NAME: COMMAND");
    }
}
