//! RUN's mounts made ready for the sandbox: views of trees, cache directories, secrets.

use crate::copy::views::TreePath;
use crate::error::StepError;
use crate::run::agent::Agent;
use crate::run::command::Script;
use crate::run::mounts::{Bind, Cache, ExpandedMount, Kind, Secret, Ssh};
use crate::session::Session;
use libsandbox::{Mount, MountSource};
use libstore::{CacheMount, FailedMount, FailedSource, NewSnapshot};
use libtree::Root;
use rustix::fs::{AtFlags, Mode, chmodat};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Mounts that are ready for a sandbox. Their contents are there as long as this is.
pub struct ReadyMounts<'a> {
    session: &'a Session<'a>,
    /// The mounts.
    pub mounts: Vec<Mount>,
    /// Variables that come with them. Their values must not go anywhere else.
    pub env: Vec<(String, String)>,
    /// The names of the variables that are secrets.
    pub secret_variables: Vec<String>,
    /// The mounts as they are kept if the RUN fails, without secrets and agents.
    pub kept: Vec<FailedMount>,
    caches: Vec<CacheMount>,
    views: Vec<NewSnapshot>,
    agents: Vec<Agent>,
    scratch: Vec<NewSnapshot>,
}

impl<'a> ReadyMounts<'a> {
    /// Makes the mounts ready, and with them the script of RUN's own.
    pub fn new(
        session: &'a Session<'a>,
        mounts: Vec<ExpandedMount>,
        script: Option<Script>,
    ) -> Result<Self, StepError> {
        let mut ready = Self::none(session);
        for ExpandedMount { target, readonly, kind } in mounts {
            let kept = ready.kept(&kind);
            let source = match kind {
                Kind::Bind(bind) => Some(ready.bind(&bind.from, readonly)?),
                Kind::Cache(cache) => Some(ready.cache(cache)?),
                Kind::Tmpfs { size } => Some(MountSource::Tmpfs { size, mode: 0o1777, noexec: false }),
                Kind::Secret(secret) => ready.secret(secret, !target.is_empty())?,
                Kind::Ssh(ssh) => ready.ssh(&ssh, &target)?,
            };
            if let Some(source) = kept {
                ready.kept.push(FailedMount { target: target.clone(), readonly, source });
            }
            if let Some(source) = source {
                ready.mounts.push(Mount { target: PathBuf::from(target), source, readonly });
            }
        }
        if let Some(script) = script {
            ready.script(script);
        }
        Ok(ready)
    }

    /// No mounts.
    pub fn none(session: &'a Session<'a>) -> Self {
        Self {
            session,
            mounts: Vec::new(),
            env: Vec::new(),
            secret_variables: Vec::new(),
            kept: Vec::new(),
            caches: Vec::new(),
            views: Vec::new(),
            agents: Vec::new(),
            scratch: Vec::new(),
        }
    }

    fn script(&mut self, Script { path, text }: Script) {
        let kept = FailedSource::Script { text: text.clone() };
        self.kept.push(FailedMount { target: path.clone(), readonly: true, source: kept });
        let source = MountSource::File { bytes: text.into_bytes(), mode: 0o755, uid: 0, gid: 0 };
        self.mounts.push(Mount { target: PathBuf::from(path), source, readonly: true });
    }

    /// The views that [`FailedSource::View`] numbers.
    pub fn views(&self) -> Vec<&NewSnapshot> {
        self.views.iter().collect()
    }

    /// A mount that is to be made next, as it is kept for a failed RUN.
    fn kept(&self, kind: &Kind) -> Option<FailedSource> {
        match kind {
            Kind::Bind(Bind { from, .. }) if from.tree.local => {
                Some(FailedSource::View { number: self.views.len(), path: from.path.clone() })
            }
            Kind::Bind(Bind { from, .. }) => {
                let ids = self.session.snapshots(&from.tree.lowers)?;
                Some(FailedSource::Snapshots { ids, path: from.path.clone() })
            }
            Kind::Cache(Cache { id, part, .. }) => {
                Some(FailedSource::Cache { id: id.clone(), path: part.clone() })
            }
            Kind::Tmpfs { size } => Some(FailedSource::Tmpfs { size: *size }),
            Kind::Secret(_) | Kind::Ssh(_) => None,
        }
    }

    fn bind(&mut self, from: &TreePath, readonly: bool) -> Result<MountSource, StepError> {
        let lowers = match from.tree.local {
            // The command must see neither what is ignored nor the host's owners.
            true => {
                let view = from.view(self.session)?;
                let lowers = vec![view.upper().to_owned()];
                self.views.push(view);
                lowers
            }
            false => from.tree.lowers.clone(),
        };
        let merged = match readonly {
            true => self.session.mount(&lowers, None)?,
            false => {
                // Writes to it are thrown away.
                let upper = self.session.store.new_snapshot(&[])?;
                let merged = self.session.mount(&lowers, Some((upper.upper(), upper.work())))?;
                self.scratch.push(upper);
                merged
            }
        };
        Ok(MountSource::Bind { tree: merged, path: from.path.as_bytes().to_vec() })
    }

    fn cache(&mut self, cache: Cache) -> Result<MountSource, StepError> {
        let directory = self.session.store.cache_mount(&cache.id, cache.sharing)?;
        let path = directory.path();
        if directory.is_fresh() {
            if let Some(seed) = &cache.seed {
                seed.fill(self.session, &path)?;
            }
            set_mode_and_owner(self.session, &path, cache.owner)?;
            directory.set_ready()?;
        }
        self.caches.push(directory);
        Ok(MountSource::Bind { tree: open(&path)?, path: cache.part.into_bytes() })
    }

    /// `file`: whether it has a file, and is not only a variable.
    fn secret(&mut self, secret: Secret, file: bool) -> Result<Option<MountSource>, StepError> {
        let Secret { id, variable, owner: (mode, uid, gid), required } = secret;
        let bytes = match self.session.options.secrets.get(&id) {
            Some(source) => source.read(&id).map_err(StepError::failed)?,
            None if required => {
                return Err(StepError::failed(format!(
                    "secret {id}: not found; pass --secret id={id},src=FILE"
                )));
            }
            None => return Ok(None),
        };
        if let Some(variable) = variable {
            let value = String::from_utf8(bytes.clone())
                .map_err(|_| StepError::failed(format!("secret {id} is not text: it can't be a variable")))?;
            self.secret_variables.push(variable.clone());
            self.env.push((variable, value));
        }
        let (uid, gid) = self.ids(uid, gid);
        Ok(file.then_some(MountSource::File { bytes, mode, uid, gid }))
    }

    fn ssh(
        &mut self,
        Ssh { id, owner, required }: &Ssh,
        target: &str,
    ) -> Result<Option<MountSource>, StepError> {
        let Some(socket) = self.session.options.ssh.get(id) else {
            return match required {
                true => Err(StepError::failed(format!("ssh {id}: not found; pass --ssh {id}=SOCKET"))),
                false => Ok(None),
            };
        };
        let place = socket.display().to_string();
        let meta = std::fs::metadata(socket).map_err(StepError::io(&place))?;
        if !meta.file_type().is_socket() {
            return Err(StepError::failed(format!("{place} is not a socket; keys are an agent's to hold")));
        }
        let socket = std::fs::canonicalize(socket).map_err(StepError::io(&place))?;
        let layer = self.session.store.new_snapshot(&[])?;
        let (mode, uid, gid) = *owner;
        let no_agent =
            |error| StepError::failed(format!("{place}: no ssh agent answers there: {error}; start one"));
        self.agents.push(Agent::open(open(layer.upper())?, mode, &socket).map_err(no_agent)?);
        let (uid, gid) = self.ids(uid, gid);
        let path = layer.upper().join(Agent::NAME);
        std::os::unix::fs::lchown(&path, Some(uid), Some(gid)).map_err(StepError::io(&place))?;
        if !self.env.iter().any(|(name, _)| name == "SSH_AUTH_SOCK") {
            self.env.push(("SSH_AUTH_SOCK".into(), target.to_owned()));
        }
        let tree = open(layer.upper())?;
        self.scratch.push(layer);
        Ok(Some(MountSource::Bind { tree, path: Agent::NAME.into() }))
    }

    /// The owner of a file that the command is given. With one id mapped every command runs as that one, and a file can have
    /// no other.
    fn ids(&self, uid: u32, gid: u32) -> (u32, u32) {
        let single = self.session.options.isolation == libsandbox::Isolation::Single;
        if single { (0, 0) } else { (uid, gid) }
    }
}

fn open(path: &Path) -> Result<OwnedFd, StepError> {
    use rustix::fs::{OFlags, open};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map_err(StepError::io(&path.display().to_string()))
}

fn set_mode_and_owner(
    session: &Session,
    path: &Path,
    (mode, uid, gid): (u32, u32, u32),
) -> Result<(), StepError> {
    let place = path.display().to_string();
    let root = Root::open(path, session.options.isolation.owners()).map_err(StepError::io(&place))?;
    root.owners().set(root.fd(), b"", uid, gid).map_err(StepError::io(&place))?;
    chmodat(root.fd(), ".", Mode::from_raw_mode(mode), AtFlags::empty()).map_err(StepError::io(&place))
}
