//! RUN's mounts: what each asks for once variables are expanded, and what it adds to the cache key.
//!
//! Nothing is made here that a cached step would not need; that is `prepare`'s part.

use crate::copy::views;
use crate::error::StepError;
use crate::key::Key;
use crate::session::Session;
use crate::state::State;
use crate::tree::Tree;
use crate::words::Words;
use libstore::Sharing;
use libwire::plan::{Mount, MountKind, Stage};

/// A mount with its words expanded.
pub struct Wanted {
    /// Absolute path in the image; empty for a secret that is only a variable.
    pub target: String,
    /// Whether it can't be written.
    pub readonly: bool,
    /// What it is.
    pub kind: Kind,
}

impl Wanted {
    /// The tree that it shows or begins with.
    pub fn tree(&self) -> Option<&Tree> {
        match &self.kind {
            Kind::Bind { tree, .. } | Kind::Cache { seed: Some((tree, ..)), .. } => Some(tree),
            _ => None,
        }
    }
}

/// The kinds of mount.
pub enum Kind {
    /// A view of `path` in a tree.
    Bind {
        /// The tree.
        tree: Box<Tree>,
        /// Where in it.
        path: String,
        /// A digest of what the command sees there.
        content: String,
    },
    /// A directory that outlives the build.
    Cache {
        /// Its name.
        id: String,
        /// How RUNs share it.
        sharing: Sharing,
        /// Its first content: a tree, a path in it, and a digest of what is there.
        seed: Option<(Box<Tree>, String, String)>,
        /// Mode, owner and group at first.
        owner: (u32, u32, u32),
        /// What of it is mounted; empty is all.
        part: String,
    },
    /// Memory.
    Tmpfs {
        /// Limit in bytes.
        size: Option<u64>,
    },
    /// A secret.
    Secret {
        /// Its name.
        id: String,
        /// The variable to put it in.
        variable: Option<String>,
        /// Mode, owner and group of its file.
        owner: (u32, u32, u32),
        /// Whether the step fails without it.
        required: bool,
    },
    /// The caller's ssh agent.
    Ssh {
        /// Which.
        id: String,
        /// Whether the step fails without it.
        required: bool,
    },
}

/// Expands the mounts of a RUN.
pub fn want(
    session: &Session,
    stage: &Stage,
    state: &State,
    mounts: &[Mount],
) -> Result<Vec<Wanted>, StepError> {
    let get = |name: &str| state.scope.get(name).map(str::to_owned);
    let want = |(at, mount)| {
        let mount = &df_parse::decide_mount(mount, stage.escape, &get)?;
        Expand { session, stage, state, mount, at }.wanted()
    };
    mounts.iter().enumerate().map(want).collect()
}

/// Adds to `key` what of the mounts decides a step's result: places and contents, never secrets' values.
pub fn ingredients(mounts: &[Wanted], key: &mut Key) {
    for Wanted { target, readonly, kind } in mounts {
        let readonly = if *readonly { "ro" } else { "rw" };
        let (what, value) = match kind {
            Kind::Bind { content, .. } => ("bind", format!("{readonly} {content}")),
            // Neither its name nor what is in it now: a step must give the same with an empty one.
            Kind::Cache { seed, owner, part, .. } => {
                let seed = seed.as_ref().map_or("", |(_, _, content)| content);
                ("cache", format!("{readonly} {owner:?} {seed}{part}"))
            }
            Kind::Tmpfs { size } => ("tmpfs", format!("{size:?}")),
            Kind::Secret { id, variable, owner, .. } => {
                ("secret", format!("{id} {} {owner:?}", variable.as_deref().unwrap_or_default()))
            }
            Kind::Ssh { id, .. } => ("ssh", id.clone()),
        };
        key.add(format!("mount {what} {target}"), value);
    }
}

struct Expand<'a> {
    session: &'a Session<'a>,
    stage: &'a Stage,
    state: &'a State,
    mount: &'a Mount,
    at: usize,
}

impl Expand<'_> {
    fn wanted(&self) -> Result<Wanted, StepError> {
        let readonly = self.mount.readonly;
        let (target, kind) = match self.mount.kind {
            MountKind::Bind => (self.directory()?, self.bind()?),
            MountKind::Cache => (self.directory()?, self.cache()?),
            MountKind::Tmpfs => (self.directory()?, Kind::Tmpfs { size: self.size()? }),
            MountKind::Secret => self.secret()?,
            MountKind::Ssh => self.ssh()?,
        };
        Ok(Wanted { target, readonly, kind })
    }

    fn words(&self) -> Words<'_> {
        Words::new(self.stage.escape, &self.state.scope)
    }

    /// The value of a key; an empty one counts as absent.
    fn value(&self, value: &Option<String>) -> Result<Option<String>, StepError> {
        Ok(self.words().maybe(value.as_deref())?.filter(|value| !value.is_empty()))
    }

    fn target(&self) -> Result<Option<String>, StepError> {
        let Some(target) = self.value(&self.mount.target)? else { return Ok(None) };
        Ok(Some(df_parse::mount_target(&target, &self.state.config.config.working_dir)?))
    }

    fn directory(&self) -> Result<String, StepError> {
        self.target()?.ok_or_else(|| StepError::input(df_parse::NO_MOUNT_TARGET))
    }

    fn tree(&self) -> Result<Box<Tree>, StepError> {
        Tree::open(self.session, self.mount.from.as_ref(), self.stage).map(Box::new)
    }

    fn source(&self) -> Result<String, StepError> {
        let source = self.value(&self.mount.source)?.unwrap_or_default();
        Ok(crate::workdir::join("/", source.trim_start_matches('/')))
    }

    fn bind(&self) -> Result<Kind, StepError> {
        let (tree, path) = (self.tree()?, self.source()?);
        let content = as_mounted(self.session, &tree, &path)?;
        Ok(Kind::Bind { tree, path, content })
    }

    fn cache(&self) -> Result<Kind, StepError> {
        let sharing = match self.value(&self.mount.sharing)?.as_deref() {
            None | Some("shared") => Sharing::Shared,
            Some("private") => Sharing::Private,
            Some("locked") => Sharing::Locked,
            Some(other) => {
                return Err(StepError::input(format!("sharing={other}: use shared, private or locked")));
            }
        };
        // The word as it is written: the same one is the same cache in any working directory.
        let written = self.value(&self.mount.target)?.unwrap_or_default();
        let mut id = self.value(&self.mount.id)?.unwrap_or_else(|| crate::workdir::clean(&written));
        let (mut seed, mut owner, mut part, path) = (None, self.owner(0o755)?, String::new(), self.source()?);
        // As in BuildKit, one that begins with something else is another one.
        if self.mount.from.is_some() {
            let tree = self.tree()?;
            let content = views::content(self.session, &tree, &path)?;
            if path != "/" {
                // It is that directory, with its own mode and owner.
                owner = views::mode_and_owner(&tree, &path)?;
            }
            id += &format!("\nfrom {content}");
            seed = Some((tree, path, content));
        } else if path != "/" {
            part = path;
            owner = (0o755, 0, 0);
        }
        if part.is_empty() && owner != (0o755, 0, 0) {
            id += &format!("\nowner {owner:?}");
        }
        Ok(Kind::Cache { id, sharing, seed, owner, part })
    }

    fn secret(&self) -> Result<(String, Kind), StepError> {
        let target = self.target()?;
        let base = target.as_deref().and_then(|target| target.rsplit('/').next()).map(str::to_owned);
        let id = self.value(&self.mount.id)?.or(base);
        let id = id.ok_or_else(|| StepError::input("the secret has neither id= nor target="))?;
        let variable = self.value(&self.mount.env)?;
        let target = match (target, &variable) {
            (Some(target), _) => target,
            (None, Some(_)) => String::new(),
            (None, None) => format!("/run/secrets/{}", id.rsplit('/').next().unwrap_or_default()),
        };
        let (owner, required) = (self.owner(0o400)?, self.mount.required);
        Ok((target, Kind::Secret { id, variable, owner, required }))
    }

    fn ssh(&self) -> Result<(String, Kind), StepError> {
        let target = self.target()?.unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{}", self.at));
        let id = self.value(&self.mount.id)?.unwrap_or_else(|| "default".into());
        Ok((target, Kind::Ssh { id, required: self.mount.required }))
    }

    fn size(&self) -> Result<Option<u64>, StepError> {
        let size = self.value(&self.mount.size)?;
        size.map(|size| libcli::size(&size).map_err(StepError::input)).transpose()
    }

    /// Mode, owner and group.
    fn owner(&self, mode: u32) -> Result<(u32, u32, u32), StepError> {
        let number = |key: &str, value: &Option<String>, radix, default| match self.value(value)? {
            None => Ok(default),
            Some(text) => u32::from_str_radix(&text, radix)
                .map_err(|_| StepError::input(format!("{key}={text} is not a number"))),
        };
        let mode = number("mode", &self.mount.mode, 8, mode)? & 0o7777;
        Ok((mode, number("uid", &self.mount.uid, 10, 0)?, number("gid", &self.mount.gid, 10, 0)?))
    }
}

/// A digest of what a command sees where `path` of `tree` is mounted: the content, and the directory's own mode and
/// owner. In a view of the caller's files these are always the same.
fn as_mounted(session: &Session, tree: &Tree, path: &str) -> Result<String, StepError> {
    let content = views::content(session, tree, path)?;
    if tree.local {
        return Ok(content);
    }
    let (mode, uid, gid) = views::mode_and_owner(tree, path)?;
    Ok(format!("{content} {mode:o} {uid}:{gid}"))
}
