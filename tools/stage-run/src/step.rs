//! Makes a step's snapshot, or finds the one its key led to before.

use crate::error::StepError;
use crate::explain::position::Here;
use crate::explain::why::{self, Missing};
use crate::key::Key;
use crate::progress;
use crate::session::Session;
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

/// What the cache has of a step.
enum Known {
    /// A snapshot, its log, and when it was made.
    Hit(String, Option<String>, String),
    Missing(Missing),
}

/// Makes steps of one stage.
pub struct Maker<'a> {
    /// The run.
    pub session: &'a Session<'a>,
    /// The stage.
    pub stage: &'a Stage,
    /// The place in it.
    pub here: &'a Here,
    /// The step's key.
    pub key: Key,
}

impl Maker<'_> {
    /// Finds the step's result.
    pub fn find(&self, parents: &[String]) -> Result<Option<Made>, StepError> {
        Ok(match self.known()? {
            Known::Hit(snapshot, log, created) => Some(self.hit(parents, snapshot, log, created)),
            Known::Missing(_) => None,
        })
    }

    fn hit(&self, parents: &[String], snapshot: String, log: Option<String>, created: String) -> Made {
        Made {
            cache: Cache::Hit,
            key: self.key.clone(),
            snapshot: Some(snapshot),
            parents: parents.to_vec(),
            log,
            created: self.created(created),
            why: None,
        }
    }

    /// Finds the step's result, or has `make` fill a new snapshot on top of `parents`, whose trees it gets too. It
    /// returns the path of a log.
    pub fn make(
        self,
        parents: &[String],
        make: impl FnOnce(&NewSnapshot, Vec<PathBuf>) -> Result<Option<String>, StepError>,
    ) -> Result<Made, StepError> {
        let parents = parents.to_vec();
        let missing = match self.known()? {
            Known::Hit(snapshot, log, created) => return Ok(self.hit(&parents, snapshot, log, created)),
            Known::Missing(missing) => missing,
        };
        let why = self.explain(&parents, missing);
        let (mut snapshot, mut log) = (None, None);
        if !self.session.options.dry_run {
            // What was deferred below is wanted now.
            let lowers = self.session.directories(&parents)?;
            let new = self.session.store.new_snapshot(&parents)?;
            log = self.session.on_whole(&parents, || make(&new, lowers))?;
            let id = new.publish()?;
            self.session.note_whole(&id, true);
            snapshot = Some(id);
        } else if let Some(failed) = self.session.store.failure_of(self.key.digest()) {
            log = self.log(Some(failed.step.log));
        }
        let created = self.created(rfc3339(i64::try_from(now_ms()).unwrap_or(i64::MAX)));
        Ok(Made { cache: Cache::Miss, key: self.key, snapshot, parents, log, created, why })
    }

    /// Says why the step has to be made, or that it would be, as far as that is asked for.
    fn explain(&self, parents: &[String], missing: Missing) -> Option<Why> {
        let (session, stage) = (self.session, self.stage);
        let tell = || why::tell(session, stage, self.here, &self.key, parents, missing);
        let why = session.options.explain.then(tell);
        progress::miss(session.options, stage.index, why.as_ref());
        why
    }

    /// What the key led to.
    fn known(&self) -> Result<Known, StepError> {
        let options = self.session.options;
        let named = self.stage.name.as_ref().is_some_and(|name| options.no_cache_filter.contains(name));
        if options.no_cache || named {
            return Ok(Known::Missing(Missing::NoCache));
        }
        let Some(step) = self.session.store.cache_get::<Step>(self.key.digest())? else {
            return Ok(Known::Missing(Missing::Unknown));
        };
        let (Some(snapshot), Some(history)) = (step.snapshot, step.history) else {
            return Ok(Known::Missing(Missing::Lost));
        };
        if !self.session.store.has_tree(&snapshot)? {
            return Ok(Known::Missing(Missing::Lost));
        }
        let log = self.log(step.log);
        Ok(Known::Hit(snapshot, log, history.created.unwrap_or_default()))
    }

    /// A log, if it is still there.
    fn log(&self, log: Option<String>) -> Option<String> {
        log.filter(|log| self.session.store.path().join(log).exists())
    }

    fn created(&self, created: String) -> String {
        match self.session.options.epoch {
            Some(epoch) => rfc3339(epoch.saturating_mul(1000)),
            None => created,
        }
    }
}
