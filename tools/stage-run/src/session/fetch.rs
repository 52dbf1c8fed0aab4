//! Asks context-fetch for files, trees and contexts from elsewhere. Only that program has the network and TLS. There
//! is one process for a request, and it ends with this one.

use crate::error::StepError;
use crate::options::Options;
use libcli::secrets_for_servers;
use libtree::tar::Limits;
use libwire::changes::Base64;
use libwire::fetch::{Answer, Request, Wanted};
use libwire::remote::{Kind, redact};
use rustix::fs::{MemfdFlags, memfd_create};
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = "context-fetch";

/// Has `wanted` fetched, into the empty directory `into` if it has content.
pub fn fetch(options: &Options, wanted: Wanted, into: Option<&Path>) -> Result<Answer, StepError> {
    if options.offline
        && let Some(source) = elsewhere(&wanted)
    {
        let what = "it would have to be fetched, and --offline fetches nothing";
        return Err(StepError::failed(format!("{}: {what}", redact(source))));
    }
    let secrets = secrets_for_servers(&options.secrets).map_err(StepError::failed)?;
    let secrets = secrets.into_iter().map(|(id, bytes)| (id, Base64(bytes))).collect();
    let text = serde_json::to_vec(&Request { wanted, secrets }).map_err(StepError::io("a request"))?;
    let mut command = command(options, into);
    command.stdin(in_memory(&text).map_err(StepError::io("a request"))?);
    let output = libsandbox::end_with_parent(&mut command).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => StepError::failed(format!(
            "{PROGRAM} is neither beside stage-run nor in PATH, and only it fetches; install it there"
        )),
        _ => StepError::failed(format!("{PROGRAM}: {error}")),
    })?;
    answer(&output)
}

/// The source of what is wanted, if it is not on this machine.
fn elsewhere(wanted: &Wanted) -> Option<&str> {
    let (Wanted::File { source, .. }
    | Wanted::Commit { source, .. }
    | Wanted::Tree { source, .. }
    | Wanted::Context { source }) = wanted;
    Some(source.as_str()).filter(|source| Kind::of(source) != Kind::Path)
}

/// The error for an answer to another question.
pub fn other_answer() -> StepError {
    StepError::failed(format!("{PROGRAM} answers something else than it was asked for; is it this suite's?"))
}

fn command(options: &Options, into: Option<&Path>) -> Command {
    let mut request = OsString::from("--request");
    if let Some(into) = into {
        request.push("=");
        request.push(into);
    }
    let Limits { bytes, entries } = options.fetch.limits;
    let mut command = Command::new(program(options.fetch.beside.as_deref(), PROGRAM));
    command.arg(request).args([format!("--max-unpacked={bytes}"), format!("--max-entries={entries}")]);
    // Its messages become ours.
    command.env("STAGEPIPE_SPEAKER", PROGRAM).env_remove("SSH_AUTH_SOCK");
    if let Some(socket) = options.ssh.get("default") {
        command.env("SSH_AUTH_SOCK", socket);
    }
    command
}

/// A program of the suite's, which is beside this one or in PATH.
pub fn program(beside: Option<&Path>, name: &str) -> OsString {
    match beside.map(|dir| dir.join(name)).filter(|path| path.is_file()) {
        Some(path) => path.into_os_string(),
        None => name.into(),
    }
}

/// A file without a name that holds `text`. Others could read a command line, and a pipe may be full or lose its
/// reader.
fn in_memory(text: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("request", MemfdFlags::CLOEXEC)?);
    file.write_all(text)?;
    file.rewind()?;
    Ok(file)
}

/// The program's answer, or the failure in its own words.
fn answer(Output { status, stdout, stderr }: &Output) -> Result<Answer, StepError> {
    let said = String::from_utf8_lossy(stderr);
    let said = said.strip_prefix(&format!("{PROGRAM}: ")).map_or_else(|| said.trim(), str::trim_end);
    let odd = |what: String| {
        StepError::failed(format!(
            "{PROGRAM} {what}: {said}; is the one beside stage-run or in PATH this suite's?"
        ))
    };
    match status.code() {
        Some(0) => serde_json::from_slice(stdout).map_err(|error| odd(format!("gave no answer ({error})"))),
        Some(1) if !said.is_empty() => Err(StepError::failed(said)),
        Some(3) if !said.is_empty() => Err(StepError::input(said)),
        Some(code) => Err(odd(format!("ended with status {code}"))),
        None => {
            Err(StepError::failed(format!("{PROGRAM} was ended by signal {}", status.signal().unwrap_or(0))))
        }
    }
}
