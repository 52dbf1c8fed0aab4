//! The outcome of reading a command line: a build, with the words of each tool, or a text.

use crate::progress::Progress;
use crate::words::Words;
use std::ffi::OsString;
use std::path::PathBuf;

/// Looks up a variable of the caller's environment.
pub type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// A requested build: the words for each tool, and the settings of the driver.
#[derive(Debug, Default)]
pub struct Request {
    /// The context, as it was given.
    pub context: OsString,
    /// The Dockerfile, as it was given; empty if it was not.
    pub file: OsString,
    /// For every call of df-parse.
    pub parse: Words,
    /// For df-parse, to print something else than a plan.
    pub call: Words,
    /// Named contexts, for stage-run.
    pub named: Words,
    /// Named contexts: the name, and the source as a word of shell.
    pub contexts: Vec<(String, Vec<u8>)>,
    /// For every stage-run.
    pub stage: Words,
    /// For the stage-run that looks up images: when it pulls them.
    pub pull: Words,
    /// For the stage-run that looks up the sources of a lock, before all others.
    pub resolve: Words,
    /// A lock is written.
    pub lock: bool,
    /// A lock must exist.
    pub locked: bool,
    /// For the target's stage-run: the step at which it ends.
    pub stops: Words,
    /// For layer-pack.
    pub pack: Words,
    /// For image-assemble.
    pub assemble: Words,
    /// For image-push: the destinations.
    pub push: Words,
    /// Layers are pushed while the build goes on.
    pub early: bool,
    /// For image-save, each a command.
    pub saves: Vec<Words>,
    /// For the image-save whose output docker or podman loads.
    pub load: Words,
    /// For all tools that use the store.
    pub store: Words,
    /// The path of the store.
    pub store_path: PathBuf,
    /// For all tools that read snapshots.
    pub isolation: Words,
    /// For all tools that read or write layers or archives.
    pub limits: Words,
    /// For context-fetch.
    pub fetch: Words,
    /// For stage-run, to print the logs of RUNs instead of building.
    pub logs: Words,
    /// The number of stages that are built at once; 0 is all.
    pub jobs: OsString,
    /// The directory that keeps the streams.
    pub keep: OsString,
    /// The file for the trace.
    pub trace: OsString,
    /// No file in a new layer is younger than SOURCE_DATE_EPOCH.
    pub rewrite: bool,
    /// No image is made.
    pub cache_only: bool,
    /// An archive goes to standard output.
    pub archive: bool,
    /// An archive or the trace goes to standard output, so image-assemble must not print its digest there.
    pub silent: bool,
    /// The pipeline is printed, not run.
    pub dry_run: bool,
    /// The form of progress.
    pub progress: Progress,
    /// Only the digest is printed.
    pub quiet: bool,
    /// A shell is opened before a step.
    pub shell: bool,
    /// A shell may be opened, so one stage is built after another.
    pub alone: bool,
    /// Snapshots of COPYs are made even if only the packer reads them.
    pub no_defer: bool,
    /// Warnings, which are printed before anything runs.
    pub warnings: Vec<String>,
}

/// The request of a command line.
pub enum Asked {
    /// A build.
    Build(Box<Request>),
    /// A text to print.
    Text(Vec<u8>),
}
