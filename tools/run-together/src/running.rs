//! A running command: its first command, and the pipeline that reads its output.

use crate::lines::{Job, is_simple};
use crate::programs::{Program, is_program, programs};
use libcli::{Exit, Failure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::mem;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// The status of a program that ended because nobody read its output.
const UNREAD: i32 = 141;

/// A running command.
pub struct Running {
    job: Job,
    first: Part,
    rest: Option<Part>,
    /// The messages of the later commands. They only count if the first command succeeds.
    words: Option<File>,
}

/// The end of a command.
pub struct Ended {
    /// The messages of its later commands, if the first has succeeded.
    pub words: String,
    /// Its failure, if it failed.
    pub failure: Option<Failure>,
}

/// One command of the two: the programs of a pipeline, or a shell.
struct Part {
    children: Vec<Child>,
    status: Option<ExitStatus>,
}

/// The standard streams of a command.
struct Streams {
    input: Stdio,
    output: Stdio,
    /// The standard error for its messages, if not this process's own.
    words: Option<File>,
}

impl Part {
    fn start(command: &str, streams: Streams, environment: &[(String, PathBuf)]) -> io::Result<Self> {
        let Streams { mut input, mut output, words } = streams;
        let mut children = Vec::new();
        let mut programs = programs(command).unwrap_or_else(|| vec![shell(command)]).into_iter().peekable();
        while let Some(program) = programs.next() {
            let mut command = Command::new(&program.words[0]);
            command.args(&program.words[1..]).envs(environment.iter().map(|(name, value)| (name, value)));
            command.stdin(program.input.map_or(mem::replace(&mut input, Stdio::null()), Stdio::from));
            let written = match programs.peek() {
                Some(_) => {
                    let (reader, writer) = io::pipe()?;
                    input = reader.into();
                    writer.into()
                }
                None => mem::replace(&mut output, Stdio::null()),
            };
            command.stdout(program.output.map_or(written, Stdio::from));
            if let Some(words) = &words {
                command.stderr(words.try_clone()?);
            }
            children.push(command.spawn()?);
        }
        Ok(Self { children, status: None })
    }

    fn has_ended(&mut self) -> bool {
        let ended = |child: &mut Child| child.try_wait().ok().flatten();
        // The status of a pipeline is that of its last command, as in a shell.
        let all: Option<Vec<_>> = self.children.iter_mut().map(ended).collect();
        self.status = all.and_then(|all| all.last().copied());
        self.status.is_some()
    }

    /// The status as in sh.
    fn status(&self) -> i32 {
        let status = self.status.unwrap_or_default();
        status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1)
    }

    /// The signal that killed it, if one did.
    fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }
}

/// A shell for a command. It passes on no signal, so it is replaced by the program if there is just one.
fn shell(command: &str) -> Program {
    let word = command.split(' ').next().unwrap_or_default();
    let exec = if is_simple(command) && is_program(word) { "exec " } else { "" };
    let words = ["sh".into(), "-c".into(), format!("{exec}{command}").into()];
    Program { words: words.into(), ..Program::default() }
}

impl Running {
    /// Starts a command, with `environment` added to this process's own.
    pub fn start(job: Job, environment: &[(String, PathBuf)]) -> Result<Self, (String, Failure)> {
        let name = job.name.clone();
        Self::begin(job, environment).map_err(|error| (name.clone(), Failure::failed(name, error)))
    }

    /// The name of the line.
    pub fn name(&self) -> &str {
        &self.job.name
    }

    fn begin(job: Job, environment: &[(String, PathBuf)]) -> io::Result<Self> {
        let (input, output) = (Stdio::null(), Stdio::inherit());
        let Some(rest) = &job.rest else {
            let first = Part::start(&job.first, Streams { input, output, words: None }, environment)?;
            return Ok(Self { job, first, rest: None, words: None });
        };
        let words = tempfile::tempfile()?;
        let (reader, writer) = io::pipe()?;
        let streams = Streams { input: reader.into(), output, words: Some(words.try_clone()?) };
        let rest = Part::start(rest, streams, environment)?;
        let first =
            Part::start(&job.first, Streams { input, output: writer.into(), words: None }, environment)?;
        Ok(Self { job, first, rest: Some(rest), words: Some(words) })
    }

    /// Asks the first command to end; the others end when it has.
    pub fn stop(&self) {
        let pids = self.first.children.iter().filter_map(|child| i32::try_from(child.id()).ok());
        for pid in pids.filter(|_| self.first.status.is_none()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }

    /// Its end, if it has ended.
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
        // Losing the messages does not change the result.
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
                // The command has printed the reason itself.
                None => with(first, String::new()),
            },
        }
    }
}
