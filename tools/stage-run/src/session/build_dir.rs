//! The build directory: each stage leaves its result there, or the fact that it failed, and of which build it is.
//! Nothing here waits.
//!
//! `<index>.json` and `<index>.failed` are there whole or not at all, and name their build. The process that builds a
//! stage has the lock of `<index>.lock`. A dry run has files of its own, `<index>.dry.json`, because nothing can be
//! built on its results.

use crate::state::State;
use libwire::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The facts that have to be the same for one stage's result to be another's base or source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The plan, as it was read.
    pub plan: Digest,
    /// The build context's path.
    pub context: String,
    /// A digest of the named contexts, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contexts: Option<Digest>,
    /// The path of the store, which has the snapshots.
    pub store: String,
    /// The isolation of steps: trees of one id map can't be used under another.
    pub isolation: String,
}

impl Build {
    /// The first fact that is another one in `other`, in words.
    fn unlike(&self, other: &Self) -> Option<String> {
        if self.plan != other.plan {
            return Some("another plan".into());
        }
        for (what, own, other) in [
            ("the context", &self.context, &other.context),
            ("the store", &self.store, &other.store),
            ("the isolation", &self.isolation, &other.isolation),
        ] {
            if own != other {
                return Some(format!("{what} {other}"));
            }
        }
        (self.contexts != other.contexts).then(|| "other named contexts".into())
    }
}

/// A stage's result.
#[derive(Debug, Serialize, Deserialize)]
pub struct StageResult {
    stage: usize,
    build: Build,
    /// The step that it ends with, if it was made to end before its last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<usize>,
    /// The stages that it used, and those that these used: the digest of each one's state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", rename = "took")]
    pub used: BTreeMap<usize, Digest>,
    /// Its state.
    pub state: State,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    stage: usize,
    build: Build,
}

/// The state of a stage in a build directory.
pub enum Found {
    /// Nothing.
    Nothing,
    /// Its result.
    Done(Box<StageResult>),
    /// It failed.
    Failed,
    /// A result that can't be used in this build, and why.
    Unfit(String),
}

/// A build directory, as one build sees it.
#[derive(Debug)]
pub struct BuildDir {
    dir: PathBuf,
    build: Build,
    dry: bool,
}

impl BuildDir {
    /// The directory `dir` as `build` sees it. `dry`: in a dry run.
    pub fn new(dir: PathBuf, build: Build, dry: bool) -> Self {
        Self { dir, build, dry }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path(&self, index: usize, end: &str) -> PathBuf {
        self.dir.join(format!("{index}.{}{end}", if self.dry { "dry." } else { "" }))
    }

    /// Takes the lock of a stage and removes its earlier result. `None`: another process builds the stage.
    pub fn begin(&self, index: usize) -> io::Result<Option<File>> {
        let lock = File::options().write(true).create(true).truncate(false).open(self.path(index, "lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        for end in ["json", "failed"] {
            match fs::remove_file(self.path(index, end)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(Some(lock))
    }

    /// Whether some process builds a stage.
    pub fn busy(&self, index: usize) -> bool {
        // This holds the lock for a moment only: begin() tries again.
        let lock = File::open(self.path(index, "lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Leaves a stage's result.
    pub fn done(
        &self,
        stage: usize,
        until: Option<usize>,
        used: &BTreeMap<usize, Digest>,
        state: &State,
    ) -> io::Result<()> {
        let (used, state) = (used.clone(), state.clone());
        self.publish(stage, "json", &StageResult { stage, build: self.build.clone(), until, used, state })
    }

    /// Says that a stage failed.
    pub fn failed(&self, stage: usize) -> io::Result<()> {
        self.publish(stage, "failed", &Failed { stage, build: self.build.clone() })
    }

    fn publish(&self, index: usize, end: &str, what: &impl Serialize) -> io::Result<()> {
        let temp = self.dir.join(format!(".{index}.{end}.{}", std::process::id()));
        fs::write(&temp, serde_json::to_vec(what)?)?;
        fs::rename(&temp, self.path(index, end))
    }

    /// Looks for a stage's result.
    pub fn look(&self, index: usize) -> io::Result<Found> {
        let path = self.path(index, "json");
        if let Some(bytes) = read(&path)? {
            let unfit = match serde_json::from_slice::<StageResult>(&bytes) {
                Err(error) => format!("is not what this stage-run leaves there ({error})"),
                Ok(found) => match self.unfit(index, &found) {
                    None => return Ok(Found::Done(Box::new(found))),
                    Some(why) => why,
                },
            };
            return Ok(Found::Unfit(format!("{} {unfit}", path.display())));
        }
        // The failure of another build does not count.
        let own = |bytes: Vec<u8>| {
            serde_json::from_slice::<Failed>(&bytes).is_ok_and(|failed| failed.build == self.build)
        };
        Ok(match read(&self.path(index, "failed"))?.is_some_and(own) {
            true => Found::Failed,
            false => Found::Nothing,
        })
    }

    fn unfit(&self, index: usize, found: &StageResult) -> Option<String> {
        let other = || "; remove it or name a new directory".to_owned();
        if found.stage != index {
            return Some(format!("is of stage {}{}", found.stage, other()));
        }
        if let Some(unlike) = self.build.unlike(&found.build) {
            return Some(format!("is of {unlike}{}", other()));
        }
        if let Some(until) = found.until {
            return Some(format!("ends with step {until}; build stage {index} again without --until"));
        }
        let stale = found.used.iter().find(|(stage, was)| self.became(**stage).is_some_and(|is| is != **was));
        stale.map(|(stage, _)| {
            format!("was made of what stage {stage} was before that was built again; build stage {index} again too")
        })
    }

    /// The digest of the state of stage `index`, if its result is there.
    pub fn became(&self, index: usize) -> Option<Digest> {
        let bytes = read(&self.path(index, "json")).ok().flatten()?;
        serde_json::from_slice::<StageResult>(&bytes).ok().map(|found| found.state.digest())
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
