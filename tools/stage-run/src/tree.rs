//! The trees COPY, ADD and mounts read: the context, a named context, a stage, an image, or nothing.

use crate::error::StepError;
use crate::options::NamedContext;
use crate::session::Session;
use libstore::NewSnapshot;
use libtree::{Owners, Root};
use libwire::plan::Source;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// A tree to read from.
pub struct Tree {
    /// Its root.
    pub root: Root,
    /// The directories it is merged of, lowest first.
    pub lowers: Vec<PathBuf>,
    /// For a directory of the caller's: the text of its ignore file, and the file's name.
    pub ignore: Option<(String, String)>,
    /// Whether it is a directory of the caller's, whose owners mean nothing in an image.
    pub local: bool,
    /// The directory of a tree nobody else keeps, as long as it is used.
    _held: Option<NewSnapshot>,
}

impl Tree {
    /// Opens what `--from` or a mount's `from=` names; without it, the build context.
    pub fn open(session: &Session, source: Option<&Source>, platform: &str) -> Result<Self, StepError> {
        match source {
            None => Self::context(session),
            Some(Source::Scratch) => Self::empty(session),
            Some(Source::Stage { index }) => {
                let state = session.stages.get(*index)?;
                Self::merged(session, &state.parents())
            }
            Some(Source::Image { name, reference }) => {
                let (_, snapshots) = session.image(reference, name)?;
                Self::merged(session, &snapshots)
            }
            Some(Source::Context { name }) => match session.context(name)? {
                NamedContext::Directory(path) => {
                    let ignore = read_ignore(&path.join(".dockerignore"), false)?;
                    Self::directory(path, ignore)
                }
                NamedContext::Layout { path, select } => {
                    let (_, snapshots) = session.layout_image(path, select.as_deref(), platform)?;
                    Self::merged(session, &snapshots)
                }
                NamedContext::Image(reference) => {
                    let (_, snapshots) = session.image(reference, reference)?;
                    Self::merged(session, &snapshots)
                }
            },
        }
    }

    fn context(session: &Session) -> Result<Self, StepError> {
        let options = session.options;
        let ignore = match &options.ignore_file {
            Some(path) => read_ignore(path, true)?,
            None => read_ignore(&options.context.join(".dockerignore"), false)?,
        };
        Self::directory(&options.context, ignore)
    }

    fn directory(path: &Path, ignore: Option<(String, String)>) -> Result<Self, StepError> {
        // Its files are the host's: what single-uid mode records in a store means nothing here.
        let root = Root::open(path, Owners::Real)
            .map_err(StepError::io(&format!("cannot read the context {}", path.display())))?;
        Ok(Self { root, lowers: vec![path.to_owned()], ignore, local: true, _held: None })
    }

    /// What was fetched into `new`, where it stays until the tree is dropped; or `below` of it alone.
    pub fn fetched(new: NewSnapshot, below: Option<OwnedFd>) -> Result<Self, StepError> {
        let tree = Self::directory(new.upper(), None)?;
        let root = below.map_or(tree.root, |below| Root::from_fd(below, Owners::Real));
        Ok(Self { root, _held: Some(new), lowers: tree.lowers, ignore: None, local: true })
    }

    fn empty(session: &Session) -> Result<Self, StepError> {
        let empty = session.store.new_snapshot(&[])?;
        let lowers = vec![empty.upper().to_owned()];
        let root = session.mount(&lowers, None)?;
        let root = Root::from_fd(root, session.options.isolation.owners());
        Ok(Self { root, lowers, ignore: None, local: false, _held: Some(empty) })
    }

    /// The tree of snapshots, lowest first.
    pub fn merged(session: &Session, snapshots: &[String]) -> Result<Self, StepError> {
        if snapshots.is_empty() {
            return Self::empty(session);
        }
        let lowers = session.directories(snapshots)?;
        let root = Root::from_fd(session.mount(&lowers, None)?, session.options.isolation.owners());
        Ok(Self { root, lowers, ignore: None, local: false, _held: None })
    }
}

fn read_ignore(path: &Path, must: bool) -> Result<Option<(String, String)>, StepError> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Ok(Some((path.display().to_string(), text)))
        }
        Err(error) if !must && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StepError::io(&format!("cannot read {}", path.display()))(error)),
    }
}
