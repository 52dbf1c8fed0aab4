//! Has image-pull bring what the store lacks of images: first what their names mean, later their layers. Only that program
//! has the network and TLS. There is one process for a request, and it ends with this one.

use crate::error::StepError;
use crate::options::{Fetch, Policy};
use crate::session::fetch::program;
use libsandbox::{Caller, Isolation};
use libtree::tar::Limits;
use libwire::Digest;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

const PROGRAM: &str = "image-pull";

/// How image-pull is called.
pub struct Pull<'a> {
    /// The program's place, and its limits.
    pub fetch: &'a Fetch,
    /// The store.
    pub store: &'a Path,
    /// Whether to pass on what it says.
    pub shown: bool,
}

impl Pull<'_> {
    /// Has the store know what `names` mean for a platform.
    pub fn configs(&self, names: &[String], platform: &str, policy: Policy) -> Result<(), StepError> {
        let mut command = self.command();
        command.args(["--config-only", "--policy", policy.word(), "--platform", platform, "--"]).args(names);
        self.run(command)
    }

    /// Has the store have the layers of an image whose config it has.
    pub fn layers(&self, image: Digest, isolation: Isolation) -> Result<(), StepError> {
        let Limits { bytes, entries } = self.fetch.limits;
        let mut command = self.command();
        command.args([format!("--max-unpacked={bytes}"), format!("--max-entries={entries}")]);
        command.args(["--isolation", isolation.name(), "--layers", &image.to_string()]);
        self.run(command)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program(self.fetch.beside.as_deref(), PROGRAM));
        command.arg("--store").arg(self.store).env("STAGEPIPE_SPEAKER", PROGRAM);
        command.args(self.fetch.insecure.iter().flat_map(|host| ["--insecure", host]));
        command.env(Caller::VARIABLE, self.fetch.caller.to_string());
        if !self.shown {
            command.arg("--quiet");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Runs it, and passes on its lines, except the last one if that says why it failed.
    fn run(&self, mut command: Command) -> Result<(), StepError> {
        let failed = StepError::io(PROGRAM);
        let mut child = match libsandbox::end_with_parent(&mut command).spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StepError::failed(format!(
                    "{PROGRAM} is neither beside stage-run nor in PATH, and only it pulls; install it there"
                )));
            }
            child => child.map_err(failed)?,
        };
        let mut last = String::new();
        for line in child.stderr.take().map(BufReader::new).into_iter().flat_map(|lines| lines.split(b'\n')) {
            let line = String::from_utf8_lossy(&line.map_err(StepError::io(PROGRAM))?).into_owned();
            self.pass_on(&std::mem::replace(&mut last, line));
        }
        let status = child.wait().map_err(StepError::io(PROGRAM))?;
        if status.success() {
            self.pass_on(&last);
            return Ok(());
        }
        Err(failure(status, last.strip_prefix(&format!("{PROGRAM}: ")).unwrap_or(&last)))
    }

    fn pass_on(&self, line: &str) {
        if self.shown && !line.is_empty() {
            libcli::say(&format!("{line}\n"));
        }
    }
}

/// Why it failed, in its words.
fn failure(status: ExitStatus, said: &str) -> StepError {
    match status.code() {
        Some(75) => StepError::try_again(said),
        Some(3) => StepError::input(said),
        Some(1) => StepError::failed(said),
        Some(code) => StepError::failed(format!("{PROGRAM} ended with status {code}: {said}")),
        None => StepError::failed(format!("{PROGRAM} was ended by signal {}", status.signal().unwrap_or(0))),
    }
}
