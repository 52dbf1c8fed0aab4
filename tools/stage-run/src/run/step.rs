//! RUN: a command in the sandbox, on an overlay of the stage's snapshots.

use crate::error::{Left, StepError};
use crate::explain::position::Here;
use crate::key::Key;
use crate::progress::Output;
use crate::run::command::{self, Assembled};
use crate::run::mounts::{self, Wanted};
use crate::run::ready::Ready;
use crate::run::{failure_store as kept, shell};
use crate::session::{Session, platform_of};
use crate::state::State;
use crate::step::{Made, Maker};
use libsandbox::{Failed, Isolation, Job, Network, OnSignal, Outcome, Stdio, Ulimit};
use libstore::NewSnapshot;
use libwire::Digest;
use libwire::Platform;
use libwire::plan::{Command, Op, Stage};
use std::path::PathBuf;

/// Build arguments that every RUN has as variables, in both cases, without leaving a trace.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];
/// BuildKit's host name, which scripts have come to look for.
const HOSTNAME: &str = "buildkitsandbox";
/// Seconds between TERM and KILL.
const GRACE: u64 = 10;

/// What a command is and sees.
pub struct World {
    argv: Vec<String>,
    /// Whether the words are the shell's, with the command as its text.
    shell: bool,
    env: Vec<(String, String)>,
    cwd: String,
    user: String,
    network: Network,
    hostname: String,
    insecure: bool,
}

/// A directory for the sandbox's own use, beside a snapshot that is being made.
pub fn scratch(new: &NewSnapshot) -> Result<PathBuf, StepError> {
    let scratch = new.work().with_file_name("scratch");
    std::fs::create_dir(&scratch).map_err(StepError::io("cannot make a directory for the sandbox"))?;
    Ok(scratch)
}

/// A RUN that is ready to be looked up.
pub struct Prepared {
    /// What its command sees.
    pub world: World,
    /// Its mounts.
    pub wanted: Vec<Wanted>,
    /// A script that must be there: its path and its text.
    pub script: Option<(String, String)>,
}

/// Expands a RUN.
pub fn prepare(session: &Session, stage: &Stage, state: &State, op: &Op) -> Result<Prepared, StepError> {
    let Op::Run { command, heredocs, mounts, network, security } = op else {
        return Err(StepError::failed("not a RUN"));
    };
    let Assembled { argv, script } = command::assemble(state, command, heredocs);
    let mut world = World::new(session, stage, state, argv, network.as_deref(), security.as_deref())?;
    world.shell = matches!(command, Command::Shell(_));
    let wanted = mounts::want(session, stage, state, mounts)?;
    Ok(Prepared { world, wanted, script })
}

/// Runs a RUN, or finds its result.
pub fn run(
    session: &Session,
    stage: &Stage,
    (state, here): (&State, &Here),
    op: &Op,
) -> Result<(Made, String), StepError> {
    let Prepared { world, wanted, script } = prepare(session, stage, state, op)?;
    let mut key = Key::new("run", session.options.isolation);
    key.parents(&state.parents());
    platforms(stage, state, &mut key)?;
    world.ingredients(&mut key);
    limits(session, &mut key);
    if let Some((_, text)) = &script {
        key.add("script", text.clone());
    }
    mounts::ingredients(&wanted, &mut key);
    let created_by = command::created_by(state, &world.argv);
    let digest = key.digest();
    let made = Maker { session, stage, here, key }.make(&state.parents(), |new, lowers| {
        wanted.iter().filter_map(Wanted::tree).try_for_each(|tree| tree.require_whole(session))?;
        let mut ready = Ready::new(session, wanted)?;
        if let Some((path, text)) = &script {
            ready.script(path, text);
        }
        world.execute(session, stage, state, (lowers, new, digest), ready)
    })?;
    Ok((made, created_by))
}

/// The platform and the machine that the command runs for and on. A base may be for another platform than the stage: then both count.
fn platforms(stage: &Stage, state: &State, key: &mut Key) -> Result<(), StepError> {
    let base = Platform::of_config(&state.config).normalised().to_string();
    let asked = platform_of(&stage.platform)?.to_string();
    key.add("platform", if asked == base { asked } else { format!("{asked} on {base}") });
    // As the command sees it: a build in a 32-bit personality is one on another machine.
    key.add("machine", rustix::system::uname().machine().to_string_lossy());
    Ok(())
}

/// What of the build's options a command can see and depend on. The addresses of added hosts are left out:
/// they differ between machines that build the same.
fn limits(session: &Session, key: &mut Key) {
    let options = session.options;
    key.add("shm", options.shm_size.to_string());
    for Ulimit { name, soft, hard } in &options.ulimits {
        key.add(format!("ulimit {name}"), format!("{soft}:{hard}"));
    }
    for (name, _) in &options.add_hosts {
        key.add("host", name.clone());
    }
}

impl World {
    /// What a command with the words `argv` sees at this point of a stage.
    pub fn new(
        session: &Session,
        stage: &Stage,
        state: &State,
        argv: Vec<String>,
        network: Option<&str>,
        security: Option<&str>,
    ) -> Result<Self, StepError> {
        let network = match network {
            None | Some("default") => session.options.network,
            Some("none") => Network::None,
            Some("host") if session.options.allow_host => Network::Host,
            Some("host") => {
                let what = "--network=host is not allowed; pass --allow network.host";
                return Err(StepError::failed(what));
            }
            Some(other) => {
                return Err(StepError::input(format!("--network={other}: use default, none or host")));
            }
        };
        let insecure = match security {
            None | Some("sandbox") => false,
            Some("insecure") if session.options.allow_insecure => true,
            Some("insecure") => {
                let what = "--security=insecure is not allowed; pass --allow security.insecure";
                return Err(StepError::failed(what));
            }
            Some(other) => {
                return Err(StepError::input(format!("--security={other}: use sandbox or insecure")));
            }
        };
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(StepError::input(df_parse::values::NUL_IN_COMMAND));
        }
        let config = &state.config.config;
        let cwd = if config.working_dir.is_empty() { "/" } else { &config.working_dir };
        let hostname = stage.build_args.get("BUILDKIT_SANDBOX_HOSTNAME").map_or(HOSTNAME, String::as_str);
        let env = state.scope.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (cwd, user, hostname) = (state.absolute(cwd), config.user.clone(), hostname.to_owned());
        Ok(Self { argv, shell: false, env, cwd, user, network, hostname, insecure })
    }

    /// What decides the result, apart from the tree below and the mounts.
    fn ingredients(&self, key: &mut Key) {
        for word in &self.argv {
            key.add("command", word.clone());
        }
        for (name, value) in &self.env {
            key.add(format!("env {name}"), value.clone());
        }
        key.add("directory", self.cwd.clone());
        key.add("user", self.user.clone());
        key.add("network", format!("{:?}", self.network).to_lowercase());
        key.add("hostname", self.hostname.clone());
        if self.insecure {
            key.add("security", "insecure");
        }
    }

    /// The same with another command.
    pub fn with(self, argv: Vec<String>) -> Self {
        Self { argv, ..self }
    }

    /// The job for the sandbox, on top of `lowers`.
    pub fn job(
        &self,
        session: &Session,
        stage: &Stage,
        lowers: Vec<PathBuf>,
        new: &NewSnapshot,
        ready: &mut Ready,
    ) -> Result<Job, StepError> {
        let options = session.options;
        let mut env = self.env.clone();
        let secrets = std::mem::take(&mut ready.env);
        env.retain(|(name, _)| !secrets.iter().any(|(secret, _)| secret == name));
        env.extend(secrets);
        env.extend(self.proxies(stage));
        Ok(Job {
            lowers,
            upper: new.upper().to_owned(),
            work: new.work().to_owned(),
            scratch: scratch(new)?,
            argv: self.argv.iter().map(Into::into).collect(),
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            cwd: PathBuf::from(&self.cwd),
            user: self.user.clone(),
            mounts: std::mem::take(&mut ready.mounts),
            network: self.network,
            hostname: self.hostname.clone(),
            add_hosts: options.add_hosts.clone(),
            writable_etc: false,
            shm_size: options.shm_size,
            ulimits: options.ulimits.clone(),
            insecure: self.insecure,
            stdio: Stdio::Piped,
            on_signal: OnSignal::End,
            grace: GRACE,
        })
    }

    fn execute(
        &self,
        session: &Session,
        stage: &Stage,
        state: &State,
        (lowers, new, key): (Vec<PathBuf>, &NewSnapshot, Digest),
        mut ready: Ready,
    ) -> Result<Option<String>, StepError> {
        let options = session.options;
        let (log, log_path) = session.store.new_log(new.id())?;
        let job = self.job(session, stage, lowers, new, &mut ready)?;
        let mut output = Output::new(log, options.progress, stage.index);
        let outcome = libsandbox::run(&job, options.isolation, &mut |_, bytes| {
            output.write(bytes);
            Ok(())
        });
        let (last, lost) = output.finish();
        // Only mount points are in it.
        let _ = libtree::remove::remove_path(&job.scratch);
        let outcome = outcome?;
        let log = Log { path: session.store.path().join(&log_path), lost };
        if outcome.status == 0 {
            return log.whole().map(|()| Some(log_path));
        }
        let error = self.failed(session, &job, outcome, (&last, &log));
        let kept = kept::keep(session, state, (key, &log_path), (new, &job), &ready);
        let id = kept.is_ok().then(|| new.id().to_owned());
        let error = error.leaving(Left { status: outcome.status, log: log_path, id });
        let enter = match kept {
            Ok(enter) => enter,
            // On a full disk the command's own words count.
            Err(why) => return Err(error.and_detail(&format!("       what it left can't be kept: {why}\n"))),
        };
        if options.shell_on_fail {
            let opened = shell::after_failure(session, stage, state, (new.id(), job), &error);
            if let Err(why) = opened {
                libcli::warn(&libcli::speaker("stage-run"), &why.to_string());
            }
        }
        Err(error.and_detail(&format!("       enter what it left: {enter}\n")))
    }

    /// The error for a job that failed.
    fn failed(
        &self,
        session: &Session,
        job: &Job,
        outcome: Outcome,
        (last, log): (&[String], &Log),
    ) -> StepError {
        let isolation = session.options.isolation;
        let root = libsandbox::left_tree(job, isolation);
        let failed = Failed {
            argv: &self.argv,
            shell: self.shell,
            outcome,
            last,
            user: &self.user,
            cwd: &self.cwd,
            path: self.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value),
            raw_sockets: self.raw_sockets(isolation),
            isolation,
            root: root.as_ref(),
        };
        failure(&failed, session.options.progress, log)
    }

    /// How the command would get a raw socket, unless it may have one.
    fn raw_sockets(&self, isolation: Isolation) -> Option<&'static str> {
        // Whose network it is decides, not who asks.
        match (isolation == Isolation::Root || self.network == Network::None, self.insecure) {
            (true, true) => None,
            (true, false) => Some("use RUN --security=insecure, or do without"),
            (false, _) => Some("build as root with RUN --security=insecure, or do without"),
        }
    }

    /// The proxies among the build arguments, whatever their case; the last one counts, by name.
    fn proxies(&self, stage: &Stage) -> Vec<(String, String)> {
        let mut proxies = Vec::new();
        for name in PROXIES {
            let given = stage.build_args.iter().rfind(|(given, _)| given.eq_ignore_ascii_case(name));
            let Some((_, value)) = given.filter(|(_, value)| !value.is_empty()) else { continue };
            for name in [name, &name.to_lowercase()] {
                if !self.env.iter().any(|(own, _)| own == name) {
                    proxies.push((name.to_owned(), value.clone()));
                }
            }
        }
        proxies
    }
}

/// Where a command's output went.
struct Log {
    path: PathBuf,
    /// Why it lacks some.
    lost: Option<std::io::Error>,
}

impl Log {
    fn whole(self) -> Result<(), StepError> {
        let what = format!("cannot write what it printed to {}", self.path.display());
        self.lost.map_or(Ok(()), |error| Err(StepError::io(&what)(error)))
    }

    fn line(&self) -> String {
        let path = self.path.display();
        match &self.lost {
            None => format!("       its output is in {path}\n"),
            Some(error) => format!("       its output is not all in {path}: {error}\n"),
        }
    }
}

/// The error for a command that failed. Its last lines are shown unless they have been.
fn failure(failed: &Failed, shown: bool, log: &Log) -> StepError {
    let status = failed.outcome.status;
    let how = match failed.outcome.signal {
        Some(signal) => format!("RUN was ended by signal {signal} (status {status})"),
        None => format!("RUN ended with status {status}"),
    };
    let lines = failed.last.iter().filter(|_| !shown).map(|line| format!("       {line}\n"));
    let detail: String = lines.chain([log.line()]).collect();
    if failed.shell && failed.argv.last().is_some_and(|text| df_parse::is_broken_array(text)) {
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
