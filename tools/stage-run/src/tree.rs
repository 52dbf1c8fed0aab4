//! The trees COPY, ADD and mounts read: the context, a named context, a stage, an image, or nothing.

use crate::error::StepError;
use crate::ignore::{self, IgnoreFile};
use crate::memory::ContextMemory;
use crate::options::NamedContext;
use crate::plan::stage_name;
use crate::session::Session;
use crate::session::scratch::Scratch;
use libtree::{Owners, Root};
use libwire::plan::{Source, Stage};
use std::path::{Path, PathBuf};

/// A tree to read from.
pub struct Tree {
    /// The tree in words.
    pub name: String,
    /// Its root.
    pub root: Root,
    /// The directories that are merged in it, lowest first.
    pub lowers: Vec<PathBuf>,
    /// The ignore file, if it is a directory of the caller's.
    pub ignore: Option<IgnoreFile>,
    /// Whether it is a directory of the caller's, whose owners mean nothing in an image.
    pub local: bool,
    /// The memory of its files, if it is a directory of the caller's that stays after the build.
    pub memory: Option<ContextMemory>,
    /// The directory of the tree, if nothing else keeps that.
    held: Option<Scratch>,
}

impl Tree {
    /// Opens what `--from` or a mount's `from=` names; without it, the build context.
    pub fn open(session: &Session, source: Option<&Source>, stage: &Stage) -> Result<Self, StepError> {
        let name = match source {
            None => "the context".to_owned(),
            Some(Source::Scratch) => "scratch".to_owned(),
            Some(Source::Stage { index }) => stage_name(stage, *index),
            Some(Source::Image { name, .. }) => format!("image {name}"),
            Some(Source::Context { name }) => format!("context {name}"),
        };
        let tree = Self::open_source(session, source, stage, &name)?;
        Ok(Self { name, ..tree })
    }

    fn open_source(
        session: &Session,
        source: Option<&Source>,
        stage: &Stage,
        name: &str,
    ) -> Result<Self, StepError> {
        match source {
            None => Self::context(session),
            Some(Source::Scratch) => Self::empty(session),
            Some(Source::Stage { index }) => {
                let state = session.stages.get(*index)?;
                if state.pending.is_some() {
                    return Err(StepError::pending(name));
                }
                Self::merged(session, &state.parents())
            }
            Some(Source::Image { reference, name }) => {
                let (_, snapshots) = session.images.named(reference, name, stage)?;
                Self::merged(session, &snapshots)
            }
            Some(Source::Context { name: context }) => match session.context(context)? {
                NamedContext::Directory(path) if path.is_file() => {
                    Self::files(&session.contexts.fetch(&path.display().to_string())?)
                }
                NamedContext::Url(url) => Self::files(&session.contexts.fetch(url)?),
                NamedContext::Directory(path) => {
                    let ignore = ignore::of_context(path, &|what| session.warn_once(what))?;
                    Self::with_memory(session, path, ignore)
                }
                NamedContext::Layout { path, select } => {
                    let found = session.images.in_layout(path, select.as_deref(), &stage.platform)?;
                    let (_, snapshots) = found;
                    Self::merged(session, &snapshots)
                }
                NamedContext::Image(reference) if reference == "scratch" => Self::empty(session),
                NamedContext::Image(reference) => {
                    let (_, snapshots) = session.images.named(reference, reference, stage)?;
                    Self::merged(session, &snapshots)
                }
            },
        }
    }

    fn context(session: &Session) -> Result<Self, StepError> {
        let options = session.options;
        let ignore = match &options.ignore_file {
            Some(path) => Some(ignore::named(path)?),
            None => ignore::of_context(&options.context, &|what| session.warn_once(what))?,
        };
        // A context that was fetched for this build is removed after it, and no later build reads it.
        match options.build_dir.as_ref().is_some_and(|dir| options.context.starts_with(dir)) {
            true => Self::directory(&options.context, ignore),
            false => Self::with_memory(session, &options.context, ignore),
        }
    }

    fn with_memory(session: &Session, path: &Path, ignore: Option<IgnoreFile>) -> Result<Self, StepError> {
        let tree = Self::directory(path, ignore)?;
        Ok(Self { memory: ContextMemory::of(&session.store, session.options.dry_run, path), ..tree })
    }

    fn directory(path: &Path, ignore: Option<(String, String)>) -> Result<Self, StepError> {
        // Its files are the host's: the owners that single-uid mode records in a store don't count here.
        let root = Root::open(path, Owners::Real)
            .map_err(StepError::io(&format!("cannot read the context {}", path.display())))?;
        Ok(Self {
            name: String::new(),
            root,
            lowers: vec![path.to_owned()],
            ignore,
            local: true,
            memory: None,
            held: None,
        })
    }

    /// The directory `path`. Nothing of it is left out, and its owners don't count.
    pub fn files(path: &Path) -> Result<Self, StepError> {
        Self::directory(path, None)
    }

    /// The tree that was fetched into `new`, which stays until the tree is dropped. `below`: only this directory of it.
    pub fn fetched(new: Scratch, below: Option<&str>) -> Result<Self, StepError> {
        let tree = Self::directory(&new.path().join(below.unwrap_or_default()), None)?;
        Ok(Self { name: "what was fetched".into(), held: Some(new), ..tree })
    }

    /// Whether it is made of snapshots, which never change and have their paths for good.
    pub fn lasts(&self) -> bool {
        !self.local && self.held.is_none()
    }

    /// Fails if it is made of snapshots and one of them is not whole. Call it before anything that was read there is
    /// kept or passed on.
    pub fn require_whole(&self, session: &Session) -> Result<(), StepError> {
        match session.snapshots(&self.lowers).filter(|_| !session.options.dry_run) {
            Some(snapshots) => Ok(session.require_whole(&snapshots, true)?),
            None => Ok(()),
        }
    }

    fn empty(session: &Session) -> Result<Self, StepError> {
        let empty = session.scratch()?;
        let lowers = vec![empty.path().to_owned()];
        Self::merge(session, lowers, Some(empty))
    }

    fn merge(session: &Session, lowers: Vec<PathBuf>, held: Option<Scratch>) -> Result<Self, StepError> {
        let root = Root::from_fd(session.mount(&lowers, None)?, session.options.isolation.owners());
        let (name, ignore, memory) = (String::new(), None, None);
        Ok(Self { name, root, lowers, ignore, local: false, memory, held })
    }

    /// The tree of snapshots, lowest first.
    pub fn merged(session: &Session, snapshots: &[String]) -> Result<Self, StepError> {
        if snapshots.is_empty() {
            return Self::empty(session);
        }
        if session.options.dry_run && !snapshots.iter().all(|id| session.store.snapshot_fs(id).is_ok()) {
            return Err(StepError::pending("an image that is not unpacked yet"));
        }
        Self::merge(session, session.directories(snapshots)?, None)
    }
}
