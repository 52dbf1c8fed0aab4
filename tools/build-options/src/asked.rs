//! The outcome of reading a command line: a build, with the words of each tool, or a text.

use crate::progress::Progress;
use crate::words::Words;
use std::ffi::OsString;
use std::path::PathBuf;

/// Looks up a variable of the caller's environment.
pub type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// A build that is asked for: what goes to each tool, and what the driver does itself.
#[derive(Debug, Default)]
pub struct Request {
    /// The context, as it was given.
    pub context: OsString,
    /// The Dockerfile, as it was given, if it was.
    pub file: OsString,
    /// For df-parse, whatever it is asked.
    pub parse: Words,
    /// For df-parse, what it is asked in place of a plan.
    pub call: Words,
    /// Named contexts, for stage-run.
    pub named: Words,
    /// The same: the name, and the source as a word of shell.
    pub contexts: Vec<(String, Vec<u8>)>,
    /// For every stage-run.
    pub stage: Words,
    /// For the stage-run that looks images up: when it pulls them.
    pub pull: Words,
    /// For the stage-run that looks up what a lock has, before all others.
    pub resolve: Words,
    /// A lock is written.
    pub lock: bool,
    /// There has to be a lock.
    pub locked: bool,
    /// For the target's stage-run: where it ends.
    pub stops: Words,
    /// For layer-pack.
    pub pack: Words,
    /// For image-assemble.
    pub assemble: Words,
    /// For image-push: where to.
    pub push: Words,
    /// Layers are pushed while the build goes on.
    pub early: bool,
    /// For image-save, each a command.
    pub saves: Vec<Words>,
    /// For the image-save that docker or podman reads, if one is to have the image.
    pub load: Words,
    /// For all that use the store.
    pub store: Words,
    /// Where it is.
    pub store_path: PathBuf,
    /// For all that look at snapshots.
    pub isolation: Words,
    /// For all that read or write layers or archives.
    pub limits: Words,
    /// For context-fetch.
    pub fetch: Words,
    /// For stage-run, in place of a build: what RUN printed.
    pub logs: Words,
    /// How many stages at once; 0 is all.
    pub jobs: OsString,
    /// Where to leave the streams.
    pub keep: OsString,
    /// Where the trace goes.
    pub trace: OsString,
    /// No file in a new layer is younger than SOURCE_DATE_EPOCH.
    pub rewrite: bool,
    /// No image is made.
    pub cache_only: bool,
    /// An archive goes to standard output.
    pub archive: bool,
    /// An archive goes there, or the trace, and not by image-assemble, whose digest would be in it.
    pub silent: bool,
    /// The pipeline is printed, not run.
    pub dry_run: bool,
    /// How the build is shown.
    pub progress: Progress,
    /// Nothing but the digest is printed.
    pub quiet: bool,
    /// A shell is opened before a step.
    pub shell: bool,
    /// A shell may be opened, so one stage is built after another.
    pub alone: bool,
    /// COPYs are made although only the packer reads them.
    pub no_defer: bool,
    /// What is to be said before anything runs, each a warning.
    pub warnings: Vec<String>,
}

/// What a command line asks for.
pub enum Asked {
    /// A build.
    Build(Box<Request>),
    /// A text.
    Text(Vec<u8>),
}
