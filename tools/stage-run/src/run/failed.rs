//! The error for a command that failed: its status, the reason if it is known, and where its output is.

use crate::error::StepError;
use crate::run::world::World;
use crate::session::Session;
use libsandbox::{Failed, Isolation, Job, Network, Outcome};
use std::io;
use std::path::PathBuf;

/// The output of a command.
pub struct Printed {
    /// The last lines.
    pub last: Vec<String>,
    /// The file with all of it.
    pub log: PathBuf,
    /// Why the file lacks some, if it does.
    pub lost: Option<io::Error>,
}

impl Printed {
    /// Fails if the log lacks some.
    pub fn whole(self) -> Result<(), StepError> {
        let what = format!("cannot write what it printed to {}", self.log.display());
        self.lost.map_or(Ok(()), |error| Err(StepError::io(&what)(error)))
    }

    /// Where it is.
    fn line(&self) -> String {
        let path = self.log.display();
        match &self.lost {
            None => format!("       its output is in {path}\n"),
            Some(error) => format!("       its output is not all in {path}: {error}\n"),
        }
    }
}

/// The error for a job that failed.
pub fn error(session: &Session, world: &World, job: &Job, outcome: Outcome, printed: &Printed) -> StepError {
    let isolation = session.options.isolation;
    let root = libsandbox::left_tree(job, isolation);
    let failed = Failed {
        argv: &world.argv,
        shell: world.shell,
        outcome,
        last: &printed.last,
        user: &world.user,
        cwd: &world.cwd,
        path: world.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value),
        raw_sockets: raw_sockets(world, isolation),
        isolation,
        root: root.as_ref(),
    };
    describe(&failed, session.options.progress, printed.line())
}

/// The failure in words. The last lines of the output are shown, unless they were shown before.
fn describe(failed: &Failed, shown: bool, log: String) -> StepError {
    let status = failed.outcome.status;
    let how = match failed.outcome.signal {
        _ if failed.outcome.timed_out => "RUN was ended".to_owned(),
        Some(signal) => format!("RUN was ended by signal {signal} (status {status})"),
        None => format!("RUN ended with status {status}"),
    };
    let lines = failed.last.iter().filter(|_| !shown).map(|line| format!("       {line}\n"));
    let detail: String = lines.chain([log]).collect();
    if failed.shell && failed.argv.last().is_some_and(|text| libdockerfile::hints::is_broken_array(text)) {
        let what = "it begins like a JSON array and is none, so a shell got it as it stands; \
                    put each word in \" and commas between them";
        return StepError::failed(format!("{how}: {what}")).with_detail(detail);
    }
    let error = match failed.reason() {
        Some(reason) => StepError::failed(format!("{how}: {}", reason.text)).token(&reason.token),
        None => {
            let place = if shown { "above" } else { "below" };
            StepError::failed(how).hint(&format!("; what it printed is {place}"))
        }
    };
    error.with_detail(detail)
}

/// How the command would get a raw socket, unless it may have one.
fn raw_sockets(world: &World, isolation: Isolation) -> Option<&'static str> {
    // The owner of its network decides, not the user who asks.
    match (isolation == Isolation::Root || world.network == Network::None, world.insecure) {
        (true, true) => None,
        (true, false) => Some("use RUN --security=insecure, or do without"),
        (false, _) => Some("build as root with RUN --security=insecure, or do without"),
    }
}
