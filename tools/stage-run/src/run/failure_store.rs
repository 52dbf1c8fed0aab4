//! Keeps the tree of a failed RUN and what its command saw, so that a user can look around there later. Secrets are not
//! kept.

use crate::error::StepError;
use crate::position::CurrentStep;
use crate::run::ready::ReadyMounts;
use crate::session::Session;
use libsandbox::{Isolation, Job, Network};
use libstore::{FailedStep, NewSnapshot};
use libwire::Digest;

/// Keeps the tree that `job` left in `new`, and gives the command that enters it.
pub fn keep(
    step: CurrentStep,
    key: Digest,
    log: &str,
    new: &NewSnapshot,
    job: &Job,
    mounts: &ReadyMounts,
) -> Result<String, StepError> {
    let CurrentStep { session, state, .. } = step;
    let text = |text: &std::ffi::OsString| text.to_string_lossy().into_owned();
    let env = job.env.iter().filter(|(name, _)| !mounts.secret_variables.contains(&text(name)));
    let failed = FailedStep {
        key,
        log: log.to_owned(),
        isolation: session.options.isolation.name().to_owned(),
        parents: state.parents(),
        shell: state.shell().swap_remove(0),
        env: env.map(|(name, value)| (text(name), text(value))).collect(),
        cwd: job.cwd.to_string_lossy().into_owned(),
        user: job.user.clone(),
        no_network: job.network == Network::None,
        hostname: job.hostname.clone(),
        add_hosts: job.add_hosts.clone(),
        shm_size: job.shm_size,
        ulimits: job.ulimits.iter().map(|limit| (limit.name.clone(), limit.soft, limit.hard)).collect(),
        insecure: job.insecure,
        no_new_privileges: job.no_new_privileges,
        mounts: mounts.kept.clone(),
    };
    session.store.keep_failure(new, &mounts.views(), &failed)?;
    Ok(command(session, new.id()))
}

/// The command that enters the failure `id` of this store.
fn command(session: &Session, id: &str) -> String {
    let mut words =
        format!("image-run --store {}", String::from_utf8_lossy(&libcli::shell_word(session.store.path())));
    // This is root's default.
    if session.options.isolation != Isolation::Root {
        words += &format!(" --isolation {}", session.options.isolation.name());
    }
    let start = id.get(..12).unwrap_or(id);
    words + &format!(" --failed {start}")
}
