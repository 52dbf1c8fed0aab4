//! What a stage leaves for those built on it or copied from, in this process or another.
//!
//! In a build directory a stage's state is `<index>.json`, there whole or not at all; a stage that failed
//! leaves `<index>.failed`.

use crate::error::StepError;
use crate::state::State;
use libwire::Span;
use libwire::record::Wait;
use libwire::span::now_ms;
use std::cell::RefCell;
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
    waits: RefCell<Vec<Wait>>,
}

impl Stages {
    /// Stages of this process only, or also those that leave their results in `dir`.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, ..Self::default() }
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
        if let Some(state) = look(dir, index)? {
            return Ok(state);
        }
        let started = now_ms();
        let found = loop {
            std::thread::sleep(PAUSE);
            if let Some(found) = look(dir, index).transpose() {
                break found;
            }
        };
        self.waits.borrow_mut().push(Wait { stage: index, span: Span::since(started) });
        found
    }

    /// What was waited for since this was last asked.
    pub fn take_waits(&self) -> Vec<Wait> {
        self.waits.take()
    }
}

/// What stage `index` left in `dir`, if it is done.
fn look(dir: &Path, index: usize) -> Result<Option<State>, StepError> {
    let path = dir.join(format!("{index}.json"));
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bad = |error| StepError::input(format!("{}: {error}", path.display()));
            serde_json::from_slice(&bytes).map(Some).map_err(bad)
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StepError::io(&path.display().to_string())(error))
        }
        Err(_) if dir.join(format!("{index}.failed")).exists() => {
            Err(StepError::failed(format!("stage {index}, which is needed here, failed")))
        }
        Err(_) => Ok(None),
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
    fn a_wait_is_told_once_and_only_if_there_was_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut maker = Stages::new(Some(dir.path().into()));
        let taker = Stages::new(Some(dir.path().into()));
        let waits = std::thread::scope(|scope| {
            let waiting = scope.spawn(move || taker.get(3).map(|_| (taker.take_waits(), taker)));
            std::thread::sleep(PAUSE * 2);
            maker.done(3, State::default()).unwrap();
            let (waits, taker) = waiting.join().unwrap().unwrap();
            assert!(taker.get(3).is_ok() && taker.take_waits().is_empty());
            waits
        });
        assert_eq!((waits.len(), waits[0].stage), (1, 3));
        assert!(waits[0].span.duration_ms > 0);
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
