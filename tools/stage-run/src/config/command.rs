//! CMD and ENTRYPOINT, and how a shell form becomes words.

use crate::golang::quoted_list;
use crate::state::State;
use libwire::plan::Command;

/// The words of a command: a shell form goes to the stage's shell.
pub fn words(state: &State, command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(text) => {
            let mut words = state.shell();
            words.push(text.clone());
            words
        }
    }
}

pub(super) fn cmd(state: &mut State, command: &Command) -> String {
    let words = words(state, command);
    let created = format!("CMD {}", quoted_list(&words));
    state.config.config.cmd = Some(words).filter(|words| !words.is_empty());
    state.config.config.args_escaped = true;
    state.cmd_set = true;
    created
}

pub(super) fn entrypoint(state: &mut State, command: &Command) -> String {
    let words = words(state, command);
    let created = format!("ENTRYPOINT {}", quoted_list(&words));
    state.config.config.entrypoint = Some(words).filter(|words| !words.is_empty());
    if !state.cmd_set {
        // An inherited CMD belongs to the entry point it was written for.
        state.config.config.cmd = None;
    }
    created
}
