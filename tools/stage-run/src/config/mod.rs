//! The instructions that only change the config, and the history string of each, as BuildKit's.

mod command;
mod health;
mod ports;
mod variables;

pub use command::words;

use crate::error::StepError;
use crate::golang::plain_list;
use crate::state::State;
use crate::words::Words;
use libwire::image::Empty;
use libwire::plan::{Op, Stage};

/// The history string of a config instruction. Some have none.
pub type Created = Option<String>;

/// Applies `op` to `state` if it only changes the config; `None` for those that run or write files.
pub fn apply(state: &mut State, stage: &Stage, op: &Op) -> Result<Option<Created>, StepError> {
    let created = match op {
        Op::Env { pairs } => variables::env(state, stage.escape, pairs)?,
        Op::Label { pairs } => variables::label(state, stage.escape, pairs)?,
        Op::Arg { args } => variables::arg(state, stage, args)?,
        Op::Expose { ports } => ports::expose(state, stage.escape, ports)?,
        Op::Cmd { command } => command::cmd(state, command),
        Op::Entrypoint { command } => command::entrypoint(state, command),
        Op::Shell { shell } => {
            state.config.config.shell = Some(shell.clone());
            format!("SHELL {}", plain_list(shell))
        }
        Op::Healthcheck { .. } => health::check(state, op)?,
        Op::Stopsignal { signal } => {
            let signal = Words::new(stage.escape, &state.scope).one(signal)?;
            if !libdockerfile::signal::is_signal(&signal) {
                return Err(StepError::input(libdockerfile::signal::invalid(&signal)).token(&signal));
            }
            state.config.config.stop_signal = signal.clone();
            format!("STOPSIGNAL {signal}")
        }
        Op::Volume { paths } => volume(state, stage.escape, paths)?,
        Op::User { user } => {
            let user = Words::new(stage.escape, &state.scope).one(user)?;
            if let Some(what) = libdockerfile::values::bad_owner(&user) {
                return Err(StepError::input(what).token(&user));
            }
            state.config.config.user = user.clone();
            format!("USER {user}")
        }
        Op::Maintainer { name } => {
            state.config.author = Some(name.clone());
            format!("MAINTAINER {name}")
        }
        Op::Onbuild { trigger, .. } => {
            state.config.config.on_build.push(trigger.clone());
            return Ok(Some(None));
        }
        Op::Run { .. } | Op::Copy(_) | Op::Add(_) | Op::Workdir { .. } => return Ok(None),
    };
    Ok(Some(Some(created)))
}

fn volume(state: &mut State, escape: char, paths: &[String]) -> Result<String, StepError> {
    let paths = Words::new(escape, &state.scope).each(paths)?;
    if paths.iter().any(|path| path.is_empty()) {
        return Err(StepError::input(libdockerfile::values::NO_VOLUME));
    }
    state.config.config.volumes.extend(paths.iter().map(|path| (path.clone(), Empty {})));
    Ok(format!("VOLUME {}", plain_list(&paths)))
}

#[cfg(test)]
mod tests;
