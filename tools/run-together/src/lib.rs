//! Runs commands at the same time until all have succeeded, or one has failed. Then the others are ended.
//!
//! It does not know what they do. A command is a line of shell with a name. Commands after an empty line begin when
//! those before it have ended. The first command of a pipeline is run apart from the others, so that both statuses are
//! known. If the first fails, the messages of the others are dropped, because they only miss their input. Programs with
//! plain words are started directly; sh runs everything else.

mod hold;
mod lines;
mod programs;
mod running;

pub use lines::{Job, groups};

use hold::Hold;
use libcli::Failure;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use running::Running;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The options of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most commands that run at once; 0 is all.
    pub jobs: usize,
    /// A directory for the FIFO by which commands notice that this process is gone.
    pub directory: PathBuf,
    /// Whether they already have the FIFO of a driver, with which this process ends too.
    pub driver: bool,
    /// The directory of the locked file, and the variable in which commands get its path.
    pub hold: Option<(String, PathBuf)>,
}

/// The signals that end this process.
const ENDING: [Signal; 3] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];

/// Runs the commands. After all have ended, returns the failure of the first that failed. `say` gets the messages of
/// the later commands of a pipeline.
pub fn run(groups: Vec<Vec<Job>>, options: &Options, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::failed("", error);
    let signals = caught();
    signals.thread_block().map_err(|errno| failed(errno.into()))?;
    let signals =
        SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).map_err(|errno| failed(errno.into()))?;
    let own = if options.driver { None } else { Some(alive(&options.directory).map_err(failed)?) };
    let held = options.hold.as_ref().and_then(|(variable, directory)| Hold::take(variable, directory).ok());
    let mut all = Together {
        waiting: groups.into_iter().map(VecDeque::from).collect(),
        running: Vec::new(),
        most: if options.jobs == 0 { usize::MAX } else { options.jobs },
        environment: environment(own.as_ref().map(|(path, _)| path), held.as_ref()),
        driver: own.as_ref().map(|(path, _)| path.clone()),
        _held: held,
        alive: own.map(|(_, alive)| alive),
        failure: None,
        stopped: false,
        caught: None,
    };
    loop {
        // It is repeated until no started command has ended already.
        all.fill();
        while all.reap(say) {
            all.fill();
        }
        if all.running.is_empty() {
            return all.end();
        }
        let signal = signals.read_signal().map_err(|errno| failed(errno.into()))?;
        let ending =
            ENDING.iter().find(|ending| signal.is_some_and(|signal| signal.ssi_signo == **ending as u32));
        if let (Some(ending), Some(signal)) = (ending, &signal) {
            all.catch(*ending, libsandbox::driver_is_gone(signal));
        }
    }
}

/// The signals that this process waits for.
fn caught() -> SigSet {
    let mut signals = SigSet::from_iter(ENDING);
    signals.add(Signal::SIGCHLD);
    signals
}

/// The variables that commands get besides those of this process.
fn environment(driver: Option<&PathBuf>, held: Option<&Hold>) -> Vec<(String, PathBuf)> {
    let driver = driver.map(|path| ("STAGEPIPE_DRIVER".to_owned(), path.clone()));
    driver.into_iter().chain(held.map(|held| (held.variable.clone(), held.path.clone()))).collect()
}

/// A FIFO that only this process has open for writing.
fn alive(directory: &Path) -> io::Result<(PathBuf, File)> {
    let path = directory.join("running");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR)?;
    // It is opened for both, because a writer alone would wait for a reader.
    let alive = OpenOptions::new().read(true).write(true).open(&path)?;
    Ok((path, alive))
}

/// The running and the waiting commands, and the failure so far.
struct Together {
    /// Groups of commands, each after the one before.
    waiting: VecDeque<VecDeque<Job>>,
    running: Vec<Running>,
    most: usize,
    /// The FIFO of this process, if it made one.
    driver: Option<PathBuf>,
    environment: Vec<(String, PathBuf)>,
    /// Locked as long as the commands may run.
    _held: Option<Hold>,
    /// Open as long as the commands are to live.
    alive: Option<File>,
    /// The name of the first command that failed, and its failure.
    failure: Option<(String, Failure)>,
    /// Whether another one failed after it, because it was asked to end.
    stopped: bool,
    caught: Option<Signal>,
}

impl Together {
    /// Starts as many commands as may run.
    fn fill(&mut self) {
        while self.failure.is_none() && self.caught.is_none() && self.running.len() < self.most {
            let Some(group) = self.waiting.front_mut() else { return };
            let Some(job) = group.pop_front() else {
                if !self.running.is_empty() {
                    return;
                }
                self.waiting.pop_front();
                continue;
            };
            // A command inherits the signal mask. A command that ends meanwhile is found without a signal.
            let _ = caught().thread_unblock();
            let started = Running::start(job, &self.environment);
            let _ = caught().thread_block();
            match started {
                Ok(running) => self.running.push(running),
                Err((name, failure)) => self.fail(name, failure),
            }
        }
    }

    /// Collects the commands that have ended. Only the first failure counts, because the others were asked to end.
    /// Returns `false` if none has.
    fn reap(&mut self, say: &mut dyn FnMut(&str)) -> bool {
        let before = self.running.len();
        let is_going_on = self.failure.is_none() && self.caught.is_none();
        let mut first = None;
        for mut one in std::mem::take(&mut self.running) {
            match one.ended() {
                None => self.running.push(one),
                Some(ended) if !is_going_on => self.stopped |= ended.failure.is_some(),
                Some(_) if first.is_some() => {}
                Some(ended) => {
                    say(&ended.words);
                    first = ended.failure.map(|failure| (one.name().to_owned(), failure));
                }
            }
        }
        if let Some((name, failure)) = first {
            self.fail(name, failure);
        }
        self.running.len() < before
    }

    fn fail(&mut self, name: String, failure: Failure) {
        self.failure = Some((name, failure));
        self.stop();
    }

    /// Asks the commands to end. A second signal, or the death of the driver, ends them at once.
    fn catch(&mut self, signal: Signal, at_once: bool) {
        if self.caught.replace(signal).is_some() || at_once {
            self.alive = None;
        }
        self.stop();
    }

    fn stop(&self) {
        self.running.iter().for_each(Running::stop);
    }

    fn end(self) -> Result<(), Failure> {
        // If it stays, the caller removes it with its directory.
        let _ = self.driver.as_ref().map(std::fs::remove_file);
        match (self.caught, self.failure) {
            // It ends by the same signal, so that its parent knows.
            (Some(signal), _) => Err(Failure::new(libcli::Exit::Status(128 + signal as u8), "", "")),
            // The command has printed the reason itself, but messages of the others follow it.
            (None, Some((name, failure))) if self.stopped && failure.what().is_empty() => {
                Err(Failure::new(failure.exit(), name, "it failed, and what ran beside it was stopped"))
            }
            (None, Some((_, failure))) => Err(failure),
            (None, None) => Ok(()),
        }
    }
}
