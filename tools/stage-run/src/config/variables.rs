//! ENV, ARG and LABEL. Words see the values from before their instruction; only ARG goes word by word.

use crate::error::StepError;
use crate::scope::set_env;
use crate::state::State;
use crate::words::Words;
use libwire::plan::{ArgDecl, Pair, Stage};

fn expand(state: &State, escape: char, pairs: &[Pair]) -> Result<Vec<(String, String)>, StepError> {
    let words = Words::new(escape, &state.scope);
    let expand = |pair: &Pair| Ok((words.one(&pair.key)?, words.one(&pair.value)?));
    pairs.iter().map(expand).collect()
}

fn created(instruction: &str, pairs: &[(String, String)]) -> String {
    let pairs: String = pairs.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    format!("{instruction}{pairs}")
}

pub(super) fn env(state: &mut State, escape: char, pairs: &[Pair]) -> Result<String, StepError> {
    let pairs = expand(state, escape, pairs)?;
    for (key, value) in &pairs {
        if key.is_empty() {
            return Err(StepError::input("a name in ENV is empty; is a variable in it unset?"));
        }
        set_env(&mut state.config.config.env, key, value);
        state.scope.set(key, value);
    }
    Ok(created("ENV", &pairs))
}

pub(super) fn label(state: &mut State, escape: char, pairs: &[Pair]) -> Result<String, StepError> {
    let pairs = expand(state, escape, pairs)?;
    state.config.config.labels.extend(pairs.iter().cloned());
    Ok(created("LABEL", &pairs))
}

pub(super) fn arg(state: &mut State, stage: &Stage, args: &[ArgDecl]) -> Result<String, StepError> {
    let mut created = "ARG".to_owned();
    for arg in args {
        let words = Words::new(stage.escape, &state.scope);
        let name = words.one(&arg.name)?;
        let default = words.maybe(arg.default.as_deref())?;
        let given = stage.build_args.get(&name).cloned();
        // A value from before the first FROM counts only for an ARG without a default of its own.
        let value = given.or(default).or_else(|| stage.global_args.get(&name).cloned());
        created += &match &value {
            Some(value) => format!(" {name}={value}"),
            None => format!(" {name}"),
        };
        if let Some(value) = &value {
            state.scope.set(&name, value);
        }
        state.args.push((name, value));
    }
    Ok(created)
}
