//! Named contexts that are URLs or archives: each is fetched when a step first asks for it, once a build.

use crate::error::StepError;
use crate::session::Session;
use crate::session::fetch;
use crate::session::scratch::Scratch;
use libwire::Digest;
use libwire::fetch::{Answer, Wanted};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What was fetched.
pub struct Contexts {
    /// Where the processes of one build share it.
    shared: Option<PathBuf>,
    /// The build's plan: what an earlier build of another fetched is none of this one's.
    plan: Digest,
    /// What this process alone has, as long as it runs.
    own: RefCell<BTreeMap<String, (Scratch, PathBuf)>>,
}

impl Contexts {
    /// With `shared`, every process that is given this directory and this plan uses what the first one fetched.
    pub fn new(shared: Option<PathBuf>, plan: Digest) -> Self {
        Self { shared, plan, own: RefCell::default() }
    }

    /// The directory of what `source` names.
    pub fn fetch(&self, session: &Session, source: &str) -> Result<PathBuf, StepError> {
        match &self.shared {
            Some(dir) if !session.options.dry_run => {
                let name = Digest::of(format!("{}\n{source}", self.plan).as_bytes());
                shared(session, source, dir, &format!("context-{}", name.hex()))
            }
            _ => self.own(session, source),
        }
    }

    fn own(&self, session: &Session, source: &str) -> Result<PathBuf, StepError> {
        if let Some((_, path)) = self.own.borrow().get(source) {
            return Ok(path.clone());
        }
        let new = Scratch::new(session)?;
        let path = fetch_into(session, source, new.path())?;
        self.own.borrow_mut().insert(source.to_owned(), (new, path.clone()));
        Ok(path)
    }
}

/// Fetches it into `dir`, or finds what another process fetched, for which it waits.
fn shared(session: &Session, source: &str, dir: &Path, name: &str) -> Result<PathBuf, StepError> {
    let [into, done, lock] = ["", ".done", ".lock"].map(|end| dir.join(format!("{name}{end}")));
    let failed = || StepError::io("--build-dir");
    let lock = File::create(lock).map_err(failed())?;
    lock.lock().map_err(failed())?;
    match fs::read(&done) {
        Ok(path) => return Ok(PathBuf::from(OsString::from_vec(path))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed()(error)),
    }
    // What is there is a dead process's.
    libtree::remove::remove_path(&into).map_err(failed())?;
    fs::create_dir(&into).map_err(failed())?;
    let path = fetch_into(session, source, &into)?;
    fs::write(&done, path.as_os_str().as_bytes()).map_err(failed())?;
    Ok(path)
}

fn fetch_into(session: &Session, source: &str, into: &Path) -> Result<PathBuf, StepError> {
    match fetch::fetch(session, Wanted::Context { source: source.to_owned() }, Some(into))? {
        Answer::Context { path } => Ok(into.join(path)),
        _ => Err(fetch::other_answer()),
    }
}
