//! ENV, ARG and LABEL. Words see the values from before their instruction; only ARG goes word by word.

use crate::error::StepError;
use crate::scope::set_env;
use crate::state::State;
use crate::words::Words;
use libdockerfile::values::NO_ENV_NAME;
use libwire::plan::{ArgDecl, Pair, Stage};

/// Arguments that speak to the builder only: a stage can declare them, but no word and no RUN has them.
const NO_VARIABLES: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

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
            return Err(StepError::input(NO_ENV_NAME));
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
        // Unlike the default, the name is what is written.
        let name = arg.name.clone();
        // A default that is not used is not looked at, and a value from before the first FROM counts only for an
        // ARG without one.
        let value = match stage.build_args.get(&name) {
            Some(given) => Some(given.clone()),
            None => words.optional(arg.default.as_deref())?.or_else(|| stage.global_args.get(&name).cloned()),
        };
        created += &match &value {
            Some(value) => format!(" {name}={value}"),
            None => format!(" {name}"),
        };
        if let Some(value) = value.as_ref().filter(|_| !NO_VARIABLES.contains(&name.as_str())) {
            state.scope.set(&name, value);
        }
        state.args.push((name, value));
    }
    Ok(created)
}
