//! What a stage leaves for those built on it or copied from, in this process or another.
//!
//! In a build directory a stage's state is `<index>.json`, there whole or not at all; a stage that failed
//! leaves `<index>.failed`.

use crate::error::StepError;
use crate::state::State;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long between two looks at the build directory. Stages take seconds.
const PAUSE: Duration = Duration::from_millis(15);

/// The stages done so far.
#[derive(Debug, Default)]
pub struct Stages {
    own: BTreeMap<usize, State>,
    dir: Option<PathBuf>,
}

impl Stages {
    /// Stages of this process only, or also those that leave their results in `dir`.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { own: BTreeMap::new(), dir }
    }

    /// Whether stages are built elsewhere too.
    pub fn elsewhere(&self) -> bool {
        self.dir.is_some()
    }

    /// Says that stage `index` is done.
    pub fn done(&mut self, index: usize, state: State) -> io::Result<()> {
        if let Some(dir) = &self.dir {
            publish(dir, &format!("{index}.json"), &serde_json::to_vec(&state)?)?;
        }
        self.own.insert(index, state);
        Ok(())
    }

    /// Says that stage `index` failed.
    pub fn failed(&self, index: usize) {
        if let Some(dir) = &self.dir {
            // The waiting process is ended by the caller in any case; this only makes it sooner.
            let _ = publish(dir, &format!("{index}.failed"), b"");
        }
    }

    /// The state of stage `index`, waited for if it is built elsewhere.
    pub fn get(&self, index: usize) -> Result<State, StepError> {
        if let Some(state) = self.own.get(&index) {
            return Ok(state.clone());
        }
        let Some(dir) = &self.dir else {
            return Err(StepError::input(format!("the plan has no stage {index} before this one")));
        };
        loop {
            let path = dir.join(format!("{index}.json"));
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let bad = |error| StepError::input(format!("{}: {error}", path.display()));
                    return serde_json::from_slice(&bytes).map_err(bad);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StepError::io(&path.display().to_string())(error)),
            }
            if dir.join(format!("{index}.failed")).exists() {
                return Err(StepError::failed(format!("stage {index}, which is needed here, failed")));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn publish(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temp = dir.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&temp, bytes)?;
    std::fs::rename(&temp, dir.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_handed_over_whole_through_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let mut maker = Stages::new(Some(dir.path().into()));
        let taker = Stages::new(Some(dir.path().into()));
        let mut state = State::default();
        state.scope.set("A", "1");
        let expected = state.clone();
        let waiting = std::thread::spawn(move || taker.get(3).unwrap());
        maker.done(3, state).unwrap();
        assert_eq!(waiting.join().unwrap(), expected);
    }

    #[test]
    fn a_failed_stage_ends_the_wait() {
        let dir = tempfile::tempdir().unwrap();
        let stages = Stages::new(Some(dir.path().into()));
        stages.failed(0);
        assert!(stages.get(0).unwrap_err().to_string().contains("stage 0"));
        assert!(Stages::new(None).get(0).is_err());
    }
}
