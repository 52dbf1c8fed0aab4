//! Makes a step's snapshot, or finds the one its key led to before.

use crate::error::StepError;
use crate::explain::why::{self, Miss};
use crate::key::Key;
use crate::position::CurrentStep;
use crate::progress;
use libstore::{NewSnapshot, StepLock};
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
    /// Its snapshot. A dry run makes none.
    pub snapshot: Option<String>,
    /// The snapshots it stands on, lowest first.
    pub parents: Vec<String>,
    /// The log of its command.
    pub log: Option<String>,
    /// When it was made.
    pub created: String,
    /// Why it was not there, if that was asked for.
    pub why: Option<Why>,
    /// Until its record is in the cache nobody else makes it.
    pub lock: Option<StepLock>,
}

/// The cache's answer for a step.
enum Known {
    Hit(Hit),
    Nothing(Miss),
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
            Known::Nothing(_) => None,
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
            lock: None,
        }
    }

    /// Finds the result, or has `make` fill a new snapshot on top of `parents`, whose trees it gets too. `make`
    /// gives the path of a log. If another build makes the same step, its result is waited for.
    pub fn make(
        self,
        parents: &[String],
        make: impl FnOnce(&NewSnapshot, Vec<PathBuf>) -> Result<Option<String>, StepError>,
    ) -> Result<Made, StepError> {
        let session = self.step.session;
        let parents = parents.to_vec();
        let mut lock = None;
        let miss = loop {
            match self.known()? {
                Known::Hit(hit) => return Ok(self.found(&parents, hit)),
                // Who wants no result of another's waits for none.
                Known::Nothing(Miss::NoCache) => break Miss::NoCache,
                Known::Nothing(miss) if lock.is_some() || session.options.dry_run => break miss,
                Known::Nothing(_) => lock = Some(self.lock()?),
            }
        };
        let why = self.explain(&parents, miss);
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
        Ok(Made { cache: Cache::Miss, key: self.key, snapshot, parents, log, created, why, lock })
    }

    /// Becomes the one who makes the step.
    fn lock(&self) -> Result<StepLock, StepError> {
        let CurrentStep { session, stage, .. } = self.step;
        let waits = |holder: &str| {
            let what = format!("waits for {holder}, which makes the same step for another build");
            progress::note(session.options.progress, stage, &what);
        };
        Ok(session.store.step_lock(self.key.digest(), waits)?)
    }

    /// Tells the user that the step has to be made, or would be, and why, as far as that is asked for.
    fn explain(&self, parents: &[String], miss: Miss) -> Option<Why> {
        let CurrentStep { session, stage, .. } = self.step;
        let explain = || why::explain(self.step, &self.key, parents, miss);
        let why = session.options.explain.then(explain);
        progress::miss(session.options, stage, why.as_ref());
        why
    }

    /// Asks the cache for the key.
    fn known(&self) -> Result<Known, StepError> {
        let options = self.step.session.options;
        let named = self.step.stage.name.as_ref().is_some_and(|name| options.no_cache_filter.contains(name));
        if options.no_cache || named {
            return Ok(Known::Nothing(Miss::NoCache));
        }
        let Some(step) = self.step.session.store.cache_get::<Step>(self.key.digest())? else {
            return Ok(Known::Nothing(Miss::Unknown));
        };
        let (Some(snapshot), Some(history)) = (step.snapshot, step.history) else {
            return Ok(Known::Nothing(Miss::Lost));
        };
        if !self.step.session.store.has_tree(&snapshot)? {
            return Ok(Known::Nothing(Miss::Lost));
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
