//! A failed RUN's tree and circumstances, kept so that a user can look around in them later. Secrets are not.

use crate::error::StepError;
use crate::run::ready::Ready;
use crate::session::Session;
use crate::state::State;
use libsandbox::{Isolation, Job, Network};
use libstore::{FailedStep, NewSnapshot};
use libwire::Digest;

/// Keeps what `job` left in `new`, and gives the command that enters it.
pub fn keep(
    session: &Session,
    state: &State,
    (key, log): (Digest, &str),
    (new, job): (&NewSnapshot, &Job),
    ready: &Ready,
) -> Result<String, StepError> {
    let text = |text: &std::ffi::OsString| text.to_string_lossy().into_owned();
    let env = job.env.iter().filter(|(name, _)| !ready.secret_variables.contains(&text(name)));
    let step = FailedStep {
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
        mounts: ready.kept.clone(),
    };
    session.store.keep_failure(new, &ready.views(), &step)?;
    Ok(command(session, new.id()))
}

/// The command that enters the failure `id` of this store.
fn command(session: &Session, id: &str) -> String {
    let mut words =
        format!("image-run --store {}", String::from_utf8_lossy(&libcli::shell_word(session.store.path())));
    // What a user gets without asking need not be asked for.
    if session.options.isolation != Isolation::Root {
        words += &format!(" --isolation {}", session.options.isolation.name());
    }
    let start = id.get(..12).unwrap_or(id);
    words + &format!(" --failed {start}")
}
