//! The programs and files that a container of the image starts. Entrypoint, Cmd and Healthcheck name them, also in
//! simple command lines of a shell.

use libshell::list;
use libwire::image::ContainerConfig;

const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh"];
/// Words of a shell that are not programs.
const BUILT_IN: &[&str] = &[
    "cd", "export", "set", "umask", "test", "[", "echo", "printf", "true", ":", "exit", "read", "shift",
    "trap", "wait", "ulimit", "unset", "eval",
];

/// The programs and other words of a command.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Started {
    /// Programs that must exist: a path, or a name to look up.
    pub(super) programs: Vec<String>,
    /// Words that may be programs or files.
    pub(super) words: Vec<String>,
}

/// The programs that the config starts; `None` if they are unknown, or if it is an interactive shell.
pub(super) fn started(config: &ContainerConfig) -> Option<Started> {
    let entrypoint = config.entrypoint.iter().flatten();
    let line: Vec<&str> = entrypoint.chain(config.cmd.iter().flatten()).map(String::as_str).collect();
    let mut started = Started::default();
    started.take(&line)?;
    let test: Vec<&str> =
        config.healthcheck.iter().flat_map(|check| &check.test).map(String::as_str).collect();
    match test.split_first() {
        Some((&"CMD", words)) => started.take(words)?,
        Some((&"CMD-SHELL", words)) => started.shell(words.first()?)?,
        _ => {}
    }
    Some(started)
}

impl Started {
    fn take(&mut self, line: &[&str]) -> Option<()> {
        let (program, words) = line.split_first()?;
        self.programs.push((*program).to_owned());
        let is_shell = SHELLS.contains(&program.rsplit('/').next()?);
        let command = words
            .iter()
            .position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'));
        match command {
            Some(at) if is_shell => return self.shell(words.get(at + 1)?),
            _ if is_shell && words.iter().all(|word| word.starts_with('-')) => return None,
            _ => {}
        }
        self.words.extend(words.iter().filter(|word| !word.starts_with('-')).map(|word| (*word).to_owned()));
        Some(())
    }

    /// The programs of a command line in which nothing is expanded.
    fn shell(&mut self, line: &str) -> Option<()> {
        let separated = line.replace("&&", "\n").replace("||", "\n").replace([';', '|', '&'], "\n");
        for part in separated.lines().map(str::trim).filter(|part| !part.is_empty()) {
            let mut program = list::program(part);
            if program == "exec" {
                program = list::program(part.split_once("exec").map_or("", |(_, rest)| rest));
            }
            if program.is_empty() {
                continue;
            }
            if program.contains(['$', '`', '"', '\'', '(', '{', '<', '>', '\\', '*', '!']) {
                return None;
            }
            if !BUILT_IN.contains(&program) {
                self.programs.push(program.to_owned());
            }
            let plain =
                |word: &&str| !word.starts_with('-') && !word.contains(['$', '`', '"', '\'', '*', '<', '>']);
            self.words.extend(part.split_whitespace().skip(1).filter(plain).map(str::to_owned));
        }
        (!self.programs.is_empty()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entrypoint: &[&str], cmd: &[&str]) -> Option<Started> {
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        started(&ContainerConfig {
            entrypoint: words(entrypoint),
            cmd: words(cmd),
            ..ContainerConfig::default()
        })
    }

    #[test]
    fn the_program_is_told_also_through_a_shell() {
        let tini = of(&["tini", "--"], &["python3", "/app.py"]).unwrap();
        assert_eq!(
            (tini.programs, tini.words),
            (vec!["tini".into()], vec!["python3".to_owned(), "/app.py".into()])
        );
        let shell = of(&[], &["/bin/sh", "-c", "cd /app && A=1 exec gunicorn app:app"]).unwrap();
        assert_eq!(shell.programs, ["/bin/sh", "gunicorn"]);
    }

    #[test]
    fn what_is_expanded_or_typed_cannot_be_told() {
        assert_eq!(of(&[], &["/bin/sh", "-c", "$APP run"]), None);
        assert_eq!(of(&["/bin/bash"], &["-l"]), None);
        assert_eq!(of(&[], &[]), None);
    }
}
