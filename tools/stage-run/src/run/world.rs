//! The world of a RUN: its command's words, environment, user and network; and the sandbox's job for it.

use crate::error::StepError;
use crate::key::Key;
use crate::options::Options;
use crate::position::CurrentStep;
use crate::run::command::{self, Assembled, Script};
use crate::run::mounts::{self, ExpandedMount};
use crate::run::output::SILENT;
use crate::run::ready::ReadyMounts;
use crate::session::Session;
use libsandbox::{Job, Network, OnSignal, Stdio};
use libstore::NewSnapshot;
use libwire::plan::{Command, Op, Stage};
use std::path::PathBuf;

/// Build arguments that every RUN has as variables, in both cases, without leaving a trace.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];
/// BuildKit's host name, for which some scripts look.
const HOSTNAME: &str = "buildkitsandbox";
/// Seconds between TERM and KILL.
const GRACE: u64 = 10;

/// A command and everything that it sees.
pub struct World {
    /// The command's words.
    pub argv: Vec<String>,
    /// Whether the words are the shell's, with the command as its text.
    pub shell: bool,
    /// The variables.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: String,
    /// The user, as USER has it.
    pub user: String,
    /// The network.
    pub network: Network,
    hostname: String,
    /// Whether it is RUN --security=insecure.
    pub insecure: bool,
}

/// A RUN with its words expanded, ready to be looked up.
pub struct ExpandedRun {
    /// Its command, and everything that it sees.
    pub world: World,
    /// Its mounts.
    pub mounts: Vec<ExpandedMount>,
    /// A file that the command needs.
    pub script: Option<Script>,
}

impl ExpandedRun {
    /// Expands `op`, which is a RUN.
    pub fn new(step: CurrentStep, op: &Op) -> Result<Self, StepError> {
        let Op::Run { command, heredocs, mounts, network, security } = op else {
            return Err(StepError::failed("not a RUN"));
        };
        let Assembled { argv, script } = command::assemble(step.state, command, heredocs);
        let mut world = World::new(step, argv, network.as_deref(), security.as_deref())?;
        world.shell = matches!(command, Command::Shell(_));
        Ok(Self { world, mounts: mounts::expand(step, mounts)?, script })
    }
}

/// A directory for the sandbox's own use, beside a snapshot that is being made.
pub fn sandbox_directory(new: &NewSnapshot) -> Result<PathBuf, StepError> {
    let directory = new.work().with_file_name("scratch");
    std::fs::create_dir(&directory).map_err(StepError::io("cannot make a directory for the sandbox"))?;
    Ok(directory)
}

impl World {
    /// The world of a command with the words `argv` that is run in place of a step.
    pub fn new(
        step: CurrentStep,
        argv: Vec<String>,
        network: Option<&str>,
        security: Option<&str>,
    ) -> Result<Self, StepError> {
        let CurrentStep { session, stage, state, .. } = step;
        let network = network_of(session.options, network)?;
        let insecure = is_insecure(session.options, security)?;
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(StepError::input(libdockerfile::values::NUL_IN_COMMAND));
        }
        let config = &state.config.config;
        let cwd = if config.working_dir.is_empty() { "/" } else { &config.working_dir };
        let hostname = stage.build_args.get("BUILDKIT_SANDBOX_HOSTNAME").map_or(HOSTNAME, String::as_str);
        let env = state.scope.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (cwd, user, hostname) = (state.absolute(cwd), config.user.clone(), hostname.to_owned());
        Ok(Self { argv, shell: false, env, cwd, user, network, hostname, insecure })
    }

    /// Adds to `key` what decides the result, apart from the tree below and the mounts.
    pub fn ingredients(&self, key: &mut Key) {
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
        mounts: &mut ReadyMounts,
    ) -> Result<Job, StepError> {
        let options = session.options;
        let mut env = self.env.clone();
        let secrets = std::mem::take(&mut mounts.env);
        env.retain(|(name, _)| !secrets.iter().any(|(secret, _)| secret == name));
        env.extend(secrets);
        env.extend(self.proxies(stage));
        Ok(Job {
            lowers,
            upper: new.upper().to_owned(),
            work: new.work().to_owned(),
            scratch: sandbox_directory(new)?,
            argv: self.argv.iter().map(Into::into).collect(),
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            cwd: PathBuf::from(&self.cwd),
            user: self.user.clone(),
            mounts: std::mem::take(&mut mounts.mounts),
            readonly: false,
            network: self.network,
            hostname: self.hostname.clone(),
            add_hosts: options.add_hosts.clone(),
            writable_etc: false,
            shm_size: options.shm_size,
            ulimits: options.ulimits.clone(),
            cgroups: options.cgroups.clone(),
            timeout: options.timeout,
            insecure: self.insecure,
            no_new_privileges: options.no_new_privileges,
            stdio: Stdio::Piped,
            on_signal: OnSignal::End,
            grace: GRACE,
            silent: Some(SILENT),
        })
    }

    /// The proxies among the build arguments, in any case of letters. If a name is there twice, the last one counts.
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

/// The network that `--network` of a RUN means.
fn network_of(options: &Options, word: Option<&str>) -> Result<Network, StepError> {
    match word {
        None | Some("default") => Ok(options.network),
        Some("none") => Ok(Network::None),
        Some("host") if options.allow_host => Ok(Network::Host),
        Some("host") => Err(StepError::failed("--network=host is not allowed; pass --allow network.host")),
        Some(other) => Err(StepError::input(format!("--network={other}: use default, none or host"))),
    }
}

/// Whether `--security` of a RUN asks for no sandbox.
fn is_insecure(options: &Options, word: Option<&str>) -> Result<bool, StepError> {
    match word {
        None | Some("sandbox") => Ok(false),
        Some("insecure") if options.allow_insecure => Ok(true),
        Some("insecure") => {
            Err(StepError::failed("--security=insecure is not allowed; pass --allow security.insecure"))
        }
        Some(other) => Err(StepError::input(format!("--security={other}: use sandbox or insecure"))),
    }
}
