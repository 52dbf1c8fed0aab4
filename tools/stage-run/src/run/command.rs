//! The command of a RUN: the words of its shell or exec form, with here-documents put back.

use crate::state::State;
use libwire::plan::{Command, Heredoc};

/// A file that a command needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    /// Its path in the image.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A command ready to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Assembled {
    /// Its words.
    pub argv: Vec<String>,
    /// A file that must be there.
    pub script: Option<Script>,
}

/// Assembles `command`. If a here-document is the whole command, it is the script, for the interpreter that its
/// first line names or else for the stage's shell. With other text around it, the shell gets it as written.
pub fn assemble(state: &State, command: &Command, heredocs: &[Heredoc]) -> Assembled {
    let Command::Shell(text) = command else {
        return Assembled { argv: crate::config::words(state, command), script: None };
    };
    let mut script = None;
    let text = match heredocs {
        [] => text.clone(),
        [only] if is_bare(text) && only.text().starts_with("#!") => {
            let path = format!("/dev/pipes/{}", only.name);
            script = Some(Script { path: path.clone(), text: only.text().into_owned() });
            path
        }
        [only] if is_bare(text) => only.text().into_owned(),
        // The shell takes the tabs off itself.
        several => {
            let documents = several.iter().map(|heredoc| format!("\n{}{}", heredoc.body, heredoc.name));
            std::iter::once(text.clone()).chain(documents).collect()
        }
    };
    let argv = crate::config::words(state, &Command::Shell(text));
    Assembled { argv, script }
}

/// Whether the text is one here-document's word and nothing else: `<<EOF`, `3<<-"E O F"`.
fn is_bare(text: &str) -> bool {
    let text = text.trim().trim_start_matches(|c: char| c.is_ascii_digit());
    let Some(word) = text.strip_prefix("<<") else { return false };
    let word = word.strip_prefix('-').unwrap_or(word).trim_start();
    let mut quote = None;
    for c in word.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c.is_whitespace() || matches!(c, '<' | '>' | '|' | '&' | ';' | '(' | ')') => {
                return false;
            }
            None => {}
        }
    }
    !word.is_empty()
}

/// RUN's history entry: the arguments in scope come first, each once, with their values now.
pub fn created_by(state: &State, argv: &[String]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in &state.args {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut words = vec!["RUN".to_owned()];
    if !names.is_empty() {
        words.push(format!("|{}", names.len()));
    }
    words.extend(names.iter().map(|name| format!("{name}={}", state.scope.get(name).unwrap_or_default())));
    words.extend_from_slice(argv);
    words.push("# buildkit".into());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heredoc(name: &str, body: &str) -> Heredoc {
        Heredoc { name: name.into(), fd: 0, body: body.into(), expand: true, strip_tabs: false }
    }

    fn argv(text: &str, heredocs: &[Heredoc]) -> Assembled {
        assemble(&State::default(), &Command::Shell(text.into()), heredocs)
    }

    #[test]
    fn a_bare_heredoc_is_the_script() {
        for text in ["<<EOF", "<<-EOF", "<<\"EOF\"", " 3<<'EOF' "] {
            let run = argv(text, &[heredoc("EOF", "a\nb\n")]);
            assert_eq!((run.argv.last().unwrap().as_str(), run.script), ("a\nb\n", None), "{text}");
        }
    }

    #[test]
    fn a_script_with_an_interpreter_is_a_file() {
        let run = argv("<<S", &[heredoc("S", "#!/bin/awk -f\n")]);
        assert_eq!(run.argv, ["/bin/sh", "-c", "/dev/pipes/S"]);
        assert_eq!(run.script, Some(Script { path: "/dev/pipes/S".into(), text: "#!/bin/awk -f\n".into() }));
    }

    #[test]
    fn with_other_words_the_shell_gets_the_documents_back() {
        let run = argv("cat <<A <<B >x", &[heredoc("A", "1\n"), heredoc("B", "#!2\n")]);
        assert_eq!(run.argv[2], "cat <<A <<B >x\n1\nA\n#!2\nB");
        assert_eq!(argv("<<A cat", &[heredoc("A", "1\n")]).argv[2], "<<A cat\n1\nA");
    }

    #[test]
    fn history_names_the_arguments_once_with_their_last_values() {
        let mut state = State::default();
        for (name, value) in [("foo", Some("bar")), ("A", None), ("foo", Some("bar2"))] {
            state.args.push((name.into(), value.map(str::to_owned)));
        }
        state.scope.set("foo", "bar2");
        let argv = ["/bin/sh", "-c", "ls"].map(str::to_owned);
        assert_eq!(created_by(&state, &argv), "RUN |2 foo=bar2 A= /bin/sh -c ls # buildkit");
        assert_eq!(created_by(&State::default(), &argv), "RUN /bin/sh -c ls # buildkit");
    }
}
