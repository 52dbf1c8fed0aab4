//! The state of a stage so far: config, variables, layers. Instructions change it; nothing here runs
//! or reads anything.

use crate::error::StepError;
use crate::scope::{Scope, has_env};
use libwire::Digest;
use libwire::image::{History, ImageConfig};
use libwire::provenance::Provenance;
use libwire::record::BaseLayer;
use libwire::time::rfc3339;
use serde::{Deserialize, Serialize};

/// The search path of an image that has none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The comment of our history entries: BuildKit's spelling, which other tools look for.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// A stage's state; also what a stage built on it inherits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The whole image config.
    pub config: ImageConfig,
    /// The environment and the arguments, as instructions see them.
    pub scope: Scope,
    /// ARGs declared so far, in order, with repeats.
    pub args: Vec<(String, Option<String>)>,
    /// Layers so far, lowest first.
    pub layers: Vec<BaseLayer>,
    /// The lines of Dockerfiles that the config's history comes from. It is not known before FROM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// In a dry run, the first step that would have been run: its result is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// Whether CMD was set in this stage: then ENTRYPOINT leaves it alone.
    #[serde(skip)]
    pub cmd_set: bool,
    /// SOURCE_DATE_EPOCH.
    #[serde(skip)]
    pub epoch: Option<i64>,
}

impl State {
    /// Begins a stage on what its base left: the image's environment counts again over inherited ARGs.
    pub fn begin(mut self, epoch: Option<i64>) -> Self {
        let env = &mut self.config.config.env;
        if !has_env(env, "PATH") {
            env.push(format!("PATH={DEFAULT_PATH}"));
        }
        self.scope.set_all(env);
        // The new image was made now, not when its base was.
        self.config.created = None;
        Self { cmd_set: false, epoch, ..self }
    }

    /// Fails in a dry run if the tree is not known, because a step of it would be run.
    pub fn require_known(&self) -> Result<(), StepError> {
        match &self.pending {
            None => Ok(()),
            Some(step) => Err(StepError::pending(step)),
        }
    }

    /// A digest of all that another stage sees of this one: not where lines come from, nor what is packed already.
    pub fn digest(&self) -> Digest {
        let seen = (&self.config, &self.scope, &self.args, self.parents());
        // Strings, numbers and lists of them are always JSON.
        Digest::of(&serde_json::to_vec(&seen).unwrap_or_default())
    }

    /// The snapshots below the next step, lowest first.
    pub fn parents(&self) -> Vec<String> {
        self.layers.iter().map(|layer| layer.snapshot.clone()).collect()
    }

    /// Adds the history entry of an instruction without a layer. It gets the time of the layer below it:
    /// a build that runs nothing makes the same image again.
    pub fn note(&mut self, created_by: String) -> History {
        let below = self.config.history.iter().rev().find_map(|entry| entry.created.clone());
        let created = self.epoch.map(|epoch| rfc3339(epoch.saturating_mul(1000))).or(below);
        self.push_history(created_by, created, true)
    }

    /// Adds the history entry of a step with a layer, made at `created`.
    pub fn note_layer(&mut self, created_by: String, created: String) -> History {
        self.push_history(created_by, Some(created), false)
    }

    fn push_history(&mut self, created_by: String, created: Option<String>, empty_layer: bool) -> History {
        let entry = History {
            created,
            created_by: Some(created_by),
            comment: Some(COMMENT.into()),
            empty_layer,
            ..History::default()
        };
        self.config.history.push(entry.clone());
        entry
    }

    /// The shell of shell forms.
    pub fn shell(&self) -> Vec<String> {
        match &self.config.config.shell {
            Some(shell) if !shell.is_empty() => shell.clone(),
            _ => vec!["/bin/sh".into(), "-c".into()],
        }
    }

    /// `path` as the Dockerfile means it: below the working directory unless absolute.
    pub fn absolute(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{}/{path}", self.config.config.working_dir.trim_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_sees_its_parents_environment_over_the_parents_arguments() {
        let mut parent = State::default();
        parent.config.config.env = vec!["X=env".into()];
        parent.scope.set("X", "arg");
        parent.scope.set("ONLY", "arg");
        let child = parent.begin(None);
        assert_eq!((child.scope.get("X"), child.scope.get("ONLY")), (Some("env"), Some("arg")));
        assert_eq!(child.scope.get("PATH"), Some(DEFAULT_PATH));
    }

    #[test]
    fn an_entry_without_a_layer_has_the_time_of_the_layer_below() {
        let mut state = State::default();
        assert_eq!(state.note("ENV a=b".into()).created, None);
        state.note_layer("RUN".into(), "then".into());
        assert_eq!(state.note("ENV a=b".into()).created.as_deref(), Some("then"));
        state.epoch = Some(0);
        assert_eq!(state.note("ENV a=b".into()).created.as_deref(), Some("1970-01-01T00:00:00Z"));
    }
}
