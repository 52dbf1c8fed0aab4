//! The commands of a RUN, as far as its text shows them.

use libdockerfile::dockerfile::Item;
use libdockerfile::instruction::Parsed;
use libshell::commands;
use libwire::plan::{Command, Op};

/// The simple commands of a RUN, in order; empty for any other instruction.
pub(super) fn commands(item: &Item) -> Vec<Vec<String>> {
    written(item).into_iter().map(commands::plain).filter(|words| !words.is_empty()).collect()
}

/// The variables that a RUN's shell sets. They are lost when it ends.
pub(super) fn assigned(item: &Item) -> Vec<String> {
    written(item).iter().flat_map(|words| commands::assigned(words)).collect()
}

/// The commands with the words before their names.
fn written(item: &Item) -> Vec<Vec<String>> {
    let Parsed::Op { op: Op::Run { command, heredocs, .. }, .. } = &item.parsed else { return Vec::new() };
    match command {
        Command::Exec(words) => match &words[..] {
            [shell, flag, script] if shell.ends_with("sh") && flag.ends_with('c') => commands::split(script),
            [] => Vec::new(),
            _ => vec![words.clone()],
        },
        Command::Shell(text) if text.trim_start().starts_with("<<") => {
            let script = heredocs.first().map_or("", |doc| doc.body.as_str());
            let other = script.starts_with("#!") && !script.lines().next().unwrap_or("").ends_with("sh");
            if other { Vec::new() } else { commands::split(script) }
        }
        Command::Shell(text) => commands::split(text),
    }
}
