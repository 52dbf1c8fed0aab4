//! One command that runs: its first command, and the pipeline that reads what that writes.

use crate::Job;
use crate::lines::is_simple;
use libcli::{Exit, Failure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// The status of a program that ended because nobody read what it wrote.
const UNREAD: i32 = 141;

/// A command that runs.
pub struct Running {
    job: Job,
    first: Part,
    rest: Option<Part>,
    /// What the later commands print: it only counts when the first has ended well.
    words: Option<File>,
}

/// How a command ended.
pub struct Ended {
    /// What its later commands printed, if the first has ended well.
    pub words: String,
    /// What went wrong.
    pub failure: Option<Failure>,
}

struct Part {
    child: Child,
    status: Option<ExitStatus>,
}

impl Part {
    fn of(child: Child) -> Self {
        Self { child, status: None }
    }

    fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status.is_some()
    }

    /// The status as sh says it.
    fn status(&self) -> i32 {
        let status = self.status.unwrap_or_default();
        status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1)
    }

    /// The signal that killed it.
    fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }
}

/// Whether the first word of a command is a program, not something that the shell does itself.
fn is_program(command: &str) -> bool {
    let word = command.split(' ').next().unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    word.contains('/') || std::env::split_paths(&path).any(|dir| dir.join(word).is_file())
}

impl Running {
    /// Starts a command. It learns from `driver`, or from what the caller has, that this process is gone.
    pub fn start(job: Job, driver: Option<&Path>) -> Result<Self, (String, Failure)> {
        let name = job.name.clone();
        Self::begin(job, driver).map_err(|error| (name.clone(), Failure::failed(name, error)))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.job.name
    }

    fn begin(job: Job, driver: Option<&Path>) -> io::Result<Self> {
        let shell = |text: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", text]).stdin(Stdio::null());
            command.envs(driver.map(|driver| ("STAGEPIPE_DRIVER", driver)));
            command
        };
        // A shell of its own would not hand on the signal that ends the program.
        let exec = if is_simple(&job.first) && is_program(&job.first) { "exec " } else { "" };
        let mut first = shell(&format!("{exec}{}", job.first));
        let Some(rest) = &job.rest else {
            let first = Part::of(first.spawn()?);
            return Ok(Self { job, first, rest: None, words: None });
        };
        let words = tempfile::tempfile()?;
        let (reader, writer) = io::pipe()?;
        let rest = Part::of(shell(rest).stdin(reader).stderr(words.try_clone()?).spawn()?);
        let first = Part::of(first.stdout(writer).spawn()?);
        Ok(Self { job, first, rest: Some(rest), words: Some(words) })
    }

    /// Asks the first command to end; the others end when it has.
    pub fn stop(&self) {
        if self.first.status.is_none()
            && let Ok(pid) = i32::try_from(self.first.child.id())
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<Ended> {
        let first = self.first.has_ended();
        let rest = self.rest.as_mut().is_none_or(Part::has_ended);
        (first && rest).then(|| {
            let status = self.first.status();
            let words = if matches!(status, 0 | UNREAD) { self.words() } else { String::new() };
            Ended { words, failure: self.failure() }
        })
    }

    fn words(&mut self) -> String {
        let Some(file) = &mut self.words else { return String::new() };
        let mut words = Vec::new();
        // Losing what was said does not change how it went.
        let _ = file.rewind().and_then(|()| file.read_to_end(&mut words));
        String::from_utf8_lossy(&words).into_owned()
    }

    fn failure(&self) -> Option<Failure> {
        let name = &self.job.name;
        let program = self.job.first.split(' ').next().unwrap_or_default();
        let with = |status: i32, what: String| {
            let status = Exit::Status(u8::try_from(status).unwrap_or(1));
            Some(Failure::new(status, name, what))
        };
        match (self.first.status(), self.rest.as_ref().map_or(0, Part::status)) {
            (0, 0) => None,
            (UNREAD, 0) => with(3, format!("what {program} wrote was not read to its end")),
            (0 | UNREAD, rest) => {
                let last =
                    self.job.rest.as_deref().unwrap_or_default().rsplit('|').next().unwrap_or_default();
                let last = last.trim_start().split(' ').next().unwrap_or_default();
                with(rest, format!("{last} failed (status {rest})"))
            }
            (first, _) => match self.first.signal() {
                Some(signal) => with(first, format!("{program} was killed by signal {signal}")),
                // It has said itself why.
                None => with(first, String::new()),
            },
        }
    }
}
