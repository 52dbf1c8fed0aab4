//! Runs a command, and says why it failed, if that can be found.

use libcli::{Exit, Failure};
use libsandbox::{Failed, Isolation, Job, Outcome, SandboxError};

/// The bytes at the end of its output that are searched for a reason.
const TAIL: usize = 8 << 10;

/// Runs the job for the image or step `name`. Returns a failure with the command's own status if there is something to
/// say.
pub fn run(name: &str, job: &Job, isolation: Isolation) -> Result<Outcome, Failure> {
    let mut tail = Vec::new();
    let outcome = libsandbox::run(job, isolation, &mut |_, bytes| {
        keep_end(&mut tail, bytes);
        Ok(())
    });
    let outcome = outcome.map_err(|error| own(name, error))?;
    match outcome.status {
        0 => Ok(outcome),
        status => match reason(job, isolation, outcome, &libcli::last_lines(&tail)) {
            Some(why) => Err(Failure::new(Exit::Status(status), name, why)),
            None => Ok(outcome),
        },
    }
}

fn keep_end(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
    tail.drain(..tail.len().saturating_sub(TAIL));
}

fn reason(job: &Job, isolation: Isolation, outcome: Outcome, last: &[String]) -> Option<String> {
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let argv: Vec<String> = job.argv.iter().map(|word| text(word)).collect();
    let path =
        job.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| text(value)).unwrap_or_default();
    let root = libsandbox::left_tree(job, isolation);
    let failed = Failed {
        argv: &argv,
        shell: argv.len() == 3 && argv[1] == "-c",
        outcome,
        last,
        user: &job.user,
        cwd: &text(job.cwd.as_os_str()),
        path: &path,
        raw_sockets: (!job.insecure).then_some("image-run gives it to no command; do without"),
        isolation,
        root: root.as_ref(),
    };
    failed.reason().map(|reason| reason.text)
}

/// If the command had to be killed, the status is that of the signal that asked it to end. All other errors are
/// failures of this tool.
fn own(name: &str, error: SandboxError) -> Failure {
    match error {
        SandboxError::Interrupted(signal) => {
            Failure::new(Exit::Status(128 + u8::try_from(signal).unwrap_or(0)), "", "")
        }
        error => Failure::failed(name, error),
    }
}
