//! All that the stages of one run share: options, store, stages done, images found.

pub mod build_dir;
pub mod contents;
pub mod contexts;
pub mod fetch;
pub mod images;
pub mod pull;
pub mod scratch;
pub mod stages;

use crate::error::StepError;
use crate::options::{NamedContext, Options};
use crate::plan::Plan;
use crate::session::build_dir::{Build, BuildDir};
use crate::session::contents::Contents;
use crate::session::contexts::Contexts;
use crate::session::images::Images;
use crate::session::scratch::Scratch;
use crate::session::stages::{Stages, WaitRules};
use libcli::Failure;
use libsandbox::{Overlay, mount_overlay};
use libstore::{Store, StoreError};
use libwire::Digest;
use libwire::plan::Stage;
use libwire::span::now_ms;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The number of names that are counted in less than a millisecond.
const FEW_NAMES: u64 = 2000;

/// One run of the tool.
pub struct Session<'a> {
    /// The options.
    pub options: &'a Options,
    /// The store.
    pub store: Store,
    /// Stages done.
    pub stages: Stages,
    /// The index of the stage that is packed, if no other stage uses it.
    pub last: Option<usize>,
    /// The stage that was asked for, by index, if not all.
    pub asked: Option<usize>,
    /// The contents that steps read.
    pub contents: Contents,
    context: String,
    /// Contexts that are fetched.
    pub contexts: Contexts<'a>,
    /// The images of stages.
    pub images: Images<'a>,
    /// Snapshots that are whole, and whether their sizes were looked at.
    whole: RefCell<BTreeMap<String, bool>>,
    /// Warnings given.
    warned: RefCell<BTreeSet<String>>,
}

impl<'a> Session<'a> {
    /// Begins a run of `plan`.
    pub fn new(options: &'a Options, store: Store, plan: &Plan) -> Result<Self, Failure> {
        let asked =
            options.stage.as_deref().map(|called| plan.stage(called)).transpose()?.map(|stage| stage.index);
        let context = std::fs::canonicalize(&options.context).unwrap_or_else(|_| options.context.clone());
        let context = context.to_string_lossy().into_owned();
        let stages = Stages::new(plan.stages.iter().map(|stage| (stage.index, stage.name.clone())).collect());
        let stages = match &options.build_dir {
            Some(dir) => {
                let build = build(options, &store, &context, plan.digest);
                let rules =
                    WaitRules { driver: options.driver, patience: options.wait, shown: options.progress };
                stages.shared(BuildDir::new(dir.clone(), build, options.dry_run), rules)
            }
            None => stages,
        };
        let contexts = Contexts::new(options, store.clone(), plan.digest);
        let contents = Contents::new(store.clone(), options.dry_run);
        let last = plan.stages.last().filter(|stage| stage.target).map(|stage| stage.index);
        let images = Images::new(options, store.clone());
        let (whole, warned) = Default::default();
        Ok(Self { options, store, stages, last, asked, contents, contexts, context, images, whole, warned })
    }

    /// A directory for files that are read once.
    pub fn scratch(&self) -> Result<Scratch, StepError> {
        Scratch::new(&self.store, self.options.dry_run)
    }

    /// Whether `--until` and `--shell` are about `stage`: the one asked for, else the target.
    pub fn has_stop_points(&self, stage: &Stage) -> bool {
        self.asked.map_or(stage.target, |asked| asked == stage.index)
    }

    /// The time of files that have no source, in seconds and nanoseconds: SOURCE_DATE_EPOCH, else now.
    pub fn now(&self) -> (i64, u32) {
        let now = || i64::try_from(now_ms() / 1000).unwrap_or(i64::MAX);
        (self.options.epoch.unwrap_or_else(now), 0)
    }

    /// The build context's path, whatever way it was named.
    pub fn context_name(&self) -> &str {
        &self.context
    }

    /// Warns about an instruction, unless nothing is to be said but failures.
    pub fn warn(&self, stage: &Stage, line: u32, what: &str) {
        if self.options.progress {
            libcli::warn(&libcli::speaker("stage-run"), &format!("{}:{line}: {what}", stage.dockerfile));
        }
    }

    /// Warns about something that each step would meet again.
    pub fn warn_once(&self, what: &str) {
        if self.options.progress && self.warned.borrow_mut().insert(what.to_owned()) {
            libcli::warn(&libcli::speaker("stage-run"), what);
        }
    }

    /// The named context `name`.
    pub fn context(&self, name: &str) -> Result<&'a NamedContext, StepError> {
        self.options.contexts.get(name).ok_or_else(|| {
            StepError::input(format!("the plan names the context {name}; pass --build-context {name}=…"))
        })
    }

    /// The merged view of directories in upper form, lowest first.
    pub fn mount(
        &self,
        lowers: &[PathBuf],
        upper: Option<(&Path, &Path)>,
    ) -> Result<OwnedFd, libsandbox::SandboxError> {
        mount_overlay(&Overlay { lowers, upper }, self.options.isolation)
    }

    /// Fails when one of `snapshots` has lost something since it was made: with `sizes` a file's end, without
    /// only a name.
    pub fn require_whole(&self, snapshots: &[String], sizes: bool) -> Result<(), StoreError> {
        self.require(snapshots, sizes, u64::MAX)
    }

    /// Has `make` make something on top of `parents`, unless one of them has lost a name since it was made. To count
    /// the names of a large base takes longer than many a step, so these are only counted if the step fails.
    pub fn on_whole<T>(
        &self,
        parents: &[String],
        make: impl FnOnce() -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        self.require(parents, false, FEW_NAMES)?;
        make().map_err(|error| match self.require_whole(parents, false) {
            Ok(()) => error,
            Err(damage) => damage.into(),
        })
    }

    /// Looks at those of `snapshots` that have no more than `most` names, once each.
    fn require(&self, snapshots: &[String], sizes: bool, most: u64) -> Result<(), StoreError> {
        for id in snapshots {
            let known = self.whole.borrow().get(id).copied();
            if known.is_none_or(|known| sizes && !known) && self.store.check_snapshot(id, sizes, most)? {
                self.note_whole(id, sizes);
            }
        }
        Ok(())
    }

    /// Notes that a snapshot need not be looked at again in this run.
    pub fn note_whole(&self, id: &str, sizes: bool) {
        self.whole.borrow_mut().insert(id.to_owned(), sizes);
    }

    /// The snapshots whose trees these are; `None` when one is no snapshot's.
    pub fn snapshots(&self, trees: &[PathBuf]) -> Option<Vec<String>> {
        let id = |tree: &PathBuf| {
            let id = tree.parent()?.file_name()?.to_str()?;
            (self.store.snapshot_fs(id).ok()? == *tree).then(|| id.to_owned())
        };
        trees.iter().map(id).collect()
    }

    /// Where snapshots' trees are, lowest first.
    pub fn directories(&self, snapshots: &[String]) -> Result<Vec<PathBuf>, StepError> {
        self.images.complete(snapshots)?;
        let tree = |id: &String| self.store.snapshot_tree(id, self.options.isolation.owners());
        Ok(snapshots.iter().map(tree).collect::<Result<_, _>>()?)
    }
}

/// The build whose results in a build directory count.
fn build(options: &Options, store: &Store, context: &str, plan: Digest) -> Build {
    let path = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let contexts = &options.contexts;
    Build {
        plan,
        context: context.to_owned(),
        // A URL may hold a password.
        contexts: (!contexts.is_empty()).then(|| Digest::of(format!("{contexts:?}").as_bytes())),
        store: path(store.path()).to_string_lossy().into_owned(),
        isolation: options.isolation.name().to_owned(),
    }
}
