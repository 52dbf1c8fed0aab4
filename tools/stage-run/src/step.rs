//! Makes a step's snapshot, or finds the one its key led to before.

use crate::error::StepError;
use crate::explain::position::Position;
use crate::explain::why::{self, Missing};
use crate::key::Key;
use crate::progress;
use crate::session::Session;
use crate::state::State;
use libstore::NewSnapshot;
use libwire::plan::Stage;
use libwire::record::{Cache, Step, Why};
use libwire::span::now_ms;
use libwire::time::rfc3339;
use std::path::PathBuf;

/// A step with a snapshot.
#[derive(Debug)]
pub struct Made {
    /// Whether it was there already.
    pub cache: Cache,
    /// Its key.
    pub key: Key,
    /// Its snapshot; none when it would have been made.
    pub snapshot: Option<String>,
    /// The snapshots it stands on, lowest first.
    pub parents: Vec<String>,
    /// The log of its command.
    pub log: Option<String>,
    /// When it was made.
    pub created: String,
    /// Why it was not there, when that was asked for.
    pub why: Option<Why>,
}

/// A step that a stage is at: it is to be made or found.
#[derive(Clone, Copy)]
pub struct CurrentStep<'a> {
    /// The run.
    pub session: &'a Session<'a>,
    /// The stage.
    pub stage: &'a Stage,
    /// The state of the stage before the step.
    pub state: &'a State,
    /// The position in the stage.
    pub position: &'a Position,
}

/// What the cache has of a step.
enum Known {
    Hit(Hit),
    Missing(Missing),
}

/// A result that is in the cache.
struct Hit {
    snapshot: String,
    log: Option<String>,
    created: String,
}

/// Makes or finds the result of a step.
pub struct Maker<'a> {
    /// The step.
    pub step: CurrentStep<'a>,
    /// Its key.
    pub key: Key,
}

impl Maker<'_> {
    /// Finds the result.
    pub fn find(&self, parents: &[String]) -> Result<Option<Made>, StepError> {
        Ok(match self.known()? {
            Known::Hit(hit) => Some(self.found(parents, hit)),
            Known::Missing(_) => None,
        })
    }

    fn found(&self, parents: &[String], hit: Hit) -> Made {
        Made {
            cache: Cache::Hit,
            key: self.key.clone(),
            snapshot: Some(hit.snapshot),
            parents: parents.to_vec(),
            log: hit.log,
            created: self.created(hit.created),
            why: None,
        }
    }

    /// Finds the result, or has `make` fill a new snapshot on top of `parents`, whose trees it gets too. It
    /// returns the path of a log.
    pub fn make(
        self,
        parents: &[String],
        make: impl FnOnce(&NewSnapshot, Vec<PathBuf>) -> Result<Option<String>, StepError>,
    ) -> Result<Made, StepError> {
        let session = self.step.session;
        let parents = parents.to_vec();
        let missing = match self.known()? {
            Known::Hit(hit) => return Ok(self.found(&parents, hit)),
            Known::Missing(missing) => missing,
        };
        let why = self.explain(&parents, missing);
        let (mut snapshot, mut log) = (None, None);
        if !session.options.dry_run {
            // A COPY below that was only deferred is carried out now.
            let lowers = session.directories(&parents)?;
            let new = session.store.new_snapshot(&parents)?;
            log = session.on_whole(&parents, || make(&new, lowers))?;
            let id = new.publish()?;
            session.note_whole(&id, true);
            snapshot = Some(id);
        } else if let Some(failed) = session.store.failure_of(self.key.digest()) {
            log = self.log(Some(failed.step.log));
        }
        let created = self.created(rfc3339(i64::try_from(now_ms()).unwrap_or(i64::MAX)));
        Ok(Made { cache: Cache::Miss, key: self.key, snapshot, parents, log, created, why })
    }

    /// Says why the step has to be made, or that it would be, as far as that is asked for.
    fn explain(&self, parents: &[String], missing: Missing) -> Option<Why> {
        let CurrentStep { session, stage, position, .. } = self.step;
        let tell = || why::tell(session, stage, position, &self.key, parents, missing);
        let why = session.options.explain.then(tell);
        progress::miss(session.options, stage.index, why.as_ref());
        why
    }

    /// What the cache has under the key.
    fn known(&self) -> Result<Known, StepError> {
        let options = self.step.session.options;
        let named = self.step.stage.name.as_ref().is_some_and(|name| options.no_cache_filter.contains(name));
        if options.no_cache || named {
            return Ok(Known::Missing(Missing::NoCache));
        }
        let Some(step) = self.step.session.store.cache_get::<Step>(self.key.digest())? else {
            return Ok(Known::Missing(Missing::Unknown));
        };
        let (Some(snapshot), Some(history)) = (step.snapshot, step.history) else {
            return Ok(Known::Missing(Missing::Lost));
        };
        if !self.step.session.store.has_tree(&snapshot)? {
            return Ok(Known::Missing(Missing::Lost));
        }
        let log = self.log(step.log);
        Ok(Known::Hit(Hit { snapshot, log, created: history.created.unwrap_or_default() }))
    }

    /// A log, if it is still there.
    fn log(&self, log: Option<String>) -> Option<String> {
        log.filter(|log| self.step.session.store.path().join(log).exists())
    }

    fn created(&self, created: String) -> String {
        match self.step.session.options.epoch {
            Some(epoch) => rfc3339(epoch.saturating_mul(1000)),
            None => created,
        }
    }
}
