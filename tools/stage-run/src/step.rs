//! Makes a step's snapshot, or finds the one its key led to before.

use crate::cache::Key;
use crate::error::StepError;
use crate::session::Session;
use crate::time::{now_ms, rfc3339};
use libstore::NewSnapshot;
use libwire::plan::Stage;
use libwire::record::{Cache, Step};

/// A step with a snapshot.
#[derive(Debug)]
pub struct Made {
    /// Whether it was there already.
    pub cache: Cache,
    /// Its key.
    pub key: Key,
    /// Its snapshot.
    pub snapshot: String,
    /// The snapshots it stands on, lowest first.
    pub parents: Vec<String>,
    /// The log of its command.
    pub log: Option<String>,
    /// When it was made.
    pub created: String,
}

/// Makes steps of one stage.
pub struct Maker<'a> {
    /// The run.
    pub session: &'a Session<'a>,
    /// The stage.
    pub stage: &'a Stage,
    /// The step's key.
    pub key: Key,
}

impl Maker<'_> {
    /// Finds the step's result, or has `make` fill a new snapshot on top of `parents`, whose log's path it
    /// returns.
    pub fn make(
        self,
        parents: &[String],
        make: impl FnOnce(&NewSnapshot) -> Result<Option<String>, StepError>,
    ) -> Result<Made, StepError> {
        let parents = parents.to_vec();
        if let Some((snapshot, log, created)) = self.known()? {
            let created = self.created(created);
            return Ok(Made { cache: Cache::Hit, key: self.key, snapshot, parents, log, created });
        }
        let new = self.session.store.new_snapshot(&parents)?;
        let log = make(&new)?;
        let snapshot = new.publish()?;
        let created = self.created(rfc3339(i64::try_from(now_ms()).unwrap_or(i64::MAX)));
        Ok(Made { cache: Cache::Miss, key: self.key, snapshot, parents, log, created })
    }

    /// The snapshot, log and time the key led to.
    fn known(&self) -> Result<Option<(String, Option<String>, String)>, StepError> {
        let options = self.session.options;
        let named = self.stage.name.as_ref().is_some_and(|name| options.no_cache_filter.contains(name));
        if options.no_cache || named {
            return Ok(None);
        }
        let Some(step) = self.session.store.cache_get::<Step>(self.key.digest())? else { return Ok(None) };
        let (Some(snapshot), Some(history)) = (step.snapshot, step.history) else { return Ok(None) };
        if !self.session.store.has_snapshot(&snapshot) {
            return Ok(None);
        }
        let log = step.log.filter(|log| self.session.store.path().join(log).exists());
        Ok(Some((snapshot, log, history.created.unwrap_or_default())))
    }

    fn created(&self, created: String) -> String {
        match self.session.options.epoch {
            Some(epoch) => rfc3339(epoch.saturating_mul(1000)),
            None => created,
        }
    }
}
