//! Named contexts that are URLs or archives. Each is fetched once a build, when a step first asks for it.

use crate::error::StepError;
use crate::options::Options;
use crate::session::fetch;
use crate::session::scratch::Scratch;
use libstore::Store;
use libwire::Digest;
use libwire::fetch::{Answer, Wanted};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The contexts that were fetched.
pub struct Contexts<'a> {
    options: &'a Options,
    store: Store,
    /// The build's plan: what an earlier build of another plan fetched does not count.
    plan: Digest,
    /// Contexts that only this process has, as long as it runs.
    own: RefCell<BTreeMap<String, (Scratch, PathBuf)>>,
}

impl<'a> Contexts<'a> {
    /// With a build directory, every process that is given it and this plan uses what the first one fetched.
    pub fn new(options: &'a Options, store: Store, plan: Digest) -> Self {
        Self { options, store, plan, own: RefCell::default() }
    }

    /// The directory with what `source` names.
    pub fn fetch(&self, source: &str) -> Result<PathBuf, StepError> {
        match &self.options.build_dir {
            Some(dir) if !self.options.dry_run => {
                let name = Digest::of(format!("{}\n{source}", self.plan).as_bytes());
                self.fetch_shared(source, dir, &format!("context-{}", name.hex()))
            }
            _ => self.fetch_alone(source),
        }
    }

    fn fetch_alone(&self, source: &str) -> Result<PathBuf, StepError> {
        if let Some((_, path)) = self.own.borrow().get(source) {
            return Ok(path.clone());
        }
        let new = Scratch::new(&self.store, self.options.dry_run)?;
        let path = self.fetch_into(source, new.path())?;
        self.own.borrow_mut().insert(source.to_owned(), (new, path.clone()));
        Ok(path)
    }

    /// Fetches it into `dir`. If another process does so, waits for that, and finds it there.
    fn fetch_shared(&self, source: &str, dir: &Path, name: &str) -> Result<PathBuf, StepError> {
        let [into, done, lock] = ["", ".done", ".lock"].map(|end| dir.join(format!("{name}{end}")));
        let failed = || StepError::io("--build-dir");
        let lock = File::create(lock).map_err(failed())?;
        lock.lock().map_err(failed())?;
        match fs::read(&done) {
            Ok(path) => return Ok(PathBuf::from(OsString::from_vec(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed()(error)),
        }
        // Nobody holds the lock, so a process that was killed left this.
        libtree::remove::remove_path(&into).map_err(failed())?;
        fs::create_dir(&into).map_err(failed())?;
        let path = self.fetch_into(source, &into)?;
        fs::write(&done, path.as_os_str().as_bytes()).map_err(failed())?;
        Ok(path)
    }

    fn fetch_into(&self, source: &str, into: &Path) -> Result<PathBuf, StepError> {
        match fetch::fetch(self.options, Wanted::Context { source: source.to_owned() }, Some(into))? {
            Answer::Context { path } => Ok(into.join(path)),
            _ => Err(fetch::other_answer()),
        }
    }
}
