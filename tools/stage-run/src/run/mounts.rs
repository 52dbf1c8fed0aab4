//! RUN's mounts with their variables expanded, and what they add to the cache key.
//!
//! Nothing is made here that a cached step would not need; `ready` makes the rest.

use crate::copy::views::TreePath;
use crate::error::StepError;
use crate::key::Key;
use crate::position::CurrentStep;
use crate::tree::Tree;
use crate::words::Words;
use libstore::Sharing;
use libwire::plan::{Mount, MountKind};

/// A mount with its words expanded.
pub struct ExpandedMount {
    /// Absolute path in the image; empty for a secret that is only a variable.
    pub target: String,
    /// Whether it can't be written.
    pub readonly: bool,
    /// Its kind.
    pub kind: Kind,
}

impl ExpandedMount {
    /// The tree that it shows or begins with.
    pub fn tree(&self) -> Option<&Tree> {
        match &self.kind {
            Kind::Bind(Bind { from, .. }) | Kind::Cache(Cache { seed: Some(from), .. }) => Some(&from.tree),
            _ => None,
        }
    }
}

/// The kinds of mount.
pub enum Kind {
    /// A view of a tree.
    Bind(Bind),
    /// A directory that outlives the build.
    Cache(Cache),
    /// Memory.
    Tmpfs {
        /// Limit in bytes.
        size: Option<u64>,
    },
    /// A secret.
    Secret(Secret),
    /// The caller's ssh agent.
    Ssh(Ssh),
}

/// A view of a tree.
pub struct Bind {
    /// The path that it shows.
    pub from: TreePath,
    /// The mode and owner that a command sees there. In a view of the caller's files these are always the same, and
    /// left out.
    mode_and_owner: Option<(u32, u32, u32)>,
}

/// A directory that outlives the build.
pub struct Cache {
    /// Its name in the store.
    pub id: String,
    /// How RUNs share it.
    pub sharing: Sharing,
    /// Its first content.
    pub seed: Option<TreePath>,
    /// Mode, owner and group at first.
    pub owner: (u32, u32, u32),
    /// The part of it that is mounted; empty is all.
    pub part: String,
}

/// A secret.
pub struct Secret {
    /// Its name.
    pub id: String,
    /// The variable to put it in.
    pub variable: Option<String>,
    /// Mode, owner and group of its file.
    pub owner: (u32, u32, u32),
    /// Whether the step fails without it.
    pub required: bool,
}

/// The caller's ssh agent.
pub struct Ssh {
    /// Its name.
    pub id: String,
    /// Mode, owner and group of its socket.
    pub owner: (u32, u32, u32),
    /// Whether the step fails without it.
    pub required: bool,
}

/// Expands the mounts of a RUN.
pub fn expand(step: CurrentStep, mounts: &[Mount]) -> Result<Vec<ExpandedMount>, StepError> {
    let get = |name: &str| step.state.scope.get(name).map(str::to_owned);
    let expand = |(number, mount)| {
        let mount = &libdockerfile::mount::decide(mount, step.stage.escape, &get)?;
        Expander { step, mount, number }.expand()
    };
    mounts.iter().enumerate().map(expand).collect()
}

/// Adds to `key` the parts of the mounts that decide a step's result: places and contents, never secrets' values.
pub fn ingredients(mounts: &[ExpandedMount], key: &mut Key) {
    for ExpandedMount { target, readonly, kind } in mounts {
        let readonly = if *readonly { "ro" } else { "rw" };
        let (what, value) = match kind {
            Kind::Bind(Bind { from, mode_and_owner: None }) => {
                ("bind", format!("{readonly} {}", from.content))
            }
            Kind::Bind(Bind { from, mode_and_owner: Some((mode, uid, gid)) }) => {
                ("bind", format!("{readonly} {} {mode:o} {uid}:{gid}", from.content))
            }
            // Not its name, and not what is in it now: a step must give the same result with an empty cache.
            Kind::Cache(Cache { seed, owner, part, .. }) => {
                let seed = seed.as_ref().map_or("", |seed| &seed.content);
                ("cache", format!("{readonly} {owner:?} {seed}{part}"))
            }
            Kind::Tmpfs { size } => ("tmpfs", format!("{size:?}")),
            Kind::Secret(Secret { id, variable, owner, .. }) => {
                ("secret", format!("{id} {} {owner:?}", variable.as_deref().unwrap_or_default()))
            }
            Kind::Ssh(Ssh { id, .. }) => ("ssh", id.clone()),
        };
        key.add(format!("mount {what} {target}"), value);
    }
}

/// The build argument with the namespace of caches.
const NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// Expands one mount.
struct Expander<'a> {
    step: CurrentStep<'a>,
    mount: &'a Mount,
    /// Its place among the mounts of the RUN, from 0.
    number: usize,
}

impl Expander<'_> {
    fn expand(&self) -> Result<ExpandedMount, StepError> {
        let readonly = self.mount.readonly;
        let (target, kind) = match self.mount.kind {
            MountKind::Bind => (self.directory()?, self.bind()?),
            MountKind::Cache => (self.directory()?, self.cache()?),
            MountKind::Tmpfs => (self.directory()?, Kind::Tmpfs { size: self.size()? }),
            MountKind::Secret => self.secret()?,
            MountKind::Ssh => self.ssh()?,
        };
        Ok(ExpandedMount { target, readonly, kind })
    }

    fn words(&self) -> Words<'_> {
        Words::new(self.step.stage.escape, &self.step.state.scope)
    }

    /// The value of a key; an empty one counts as absent.
    fn value(&self, value: &Option<String>) -> Result<Option<String>, StepError> {
        Ok(self.words().optional(value.as_deref())?.filter(|value| !value.is_empty()))
    }

    fn target(&self) -> Result<Option<String>, StepError> {
        let Some(target) = self.value(&self.mount.target)? else { return Ok(None) };
        Ok(Some(libdockerfile::mount::target(&target, &self.step.state.config.config.working_dir)?))
    }

    fn directory(&self) -> Result<String, StepError> {
        self.target()?.ok_or_else(|| StepError::input(libdockerfile::mount::NO_TARGET))
    }

    fn tree(&self) -> Result<Tree, StepError> {
        Tree::open(self.step.session, self.mount.from.as_ref(), self.step.stage)
    }

    fn source(&self) -> Result<String, StepError> {
        let source = self.value(&self.mount.source)?.unwrap_or_default();
        Ok(crate::paths::join("/", source.trim_start_matches('/')))
    }

    fn bind(&self) -> Result<Kind, StepError> {
        let from = TreePath::read(self.step.session, self.tree()?, self.source()?)?;
        let mode_and_owner = if from.tree.local { None } else { Some(from.mode_and_owner()?) };
        Ok(Kind::Bind(Bind { from, mode_and_owner }))
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
        // The target as it is written: the same word is the same cache in any working directory.
        let written = self.value(&self.mount.target)?.unwrap_or_default();
        let mut id = self.value(&self.mount.id)?.unwrap_or_else(|| crate::paths::clean(&written));
        if let Some(namespace) = self.step.stage.build_args.get(NAMESPACE).filter(|name| !name.is_empty()) {
            id = format!("{namespace}/{id}");
        }
        let (mut seed, mut owner, mut part, path) = (None, self.owner(0o755)?, String::new(), self.source()?);
        // As in BuildKit, a cache with another first content is another cache.
        if self.mount.from.is_some() {
            let from = TreePath::read(self.step.session, self.tree()?, path)?;
            if from.path != "/" {
                // The cache begins as that directory, with its mode and owner.
                owner = from.mode_and_owner()?;
            }
            id += &format!("\nfrom {}", from.content);
            seed = Some(from);
        } else if path != "/" {
            part = path;
            owner = (0o755, 0, 0);
        }
        if part.is_empty() && owner != (0o755, 0, 0) {
            id += &format!("\nowner {owner:?}");
        }
        Ok(Kind::Cache(Cache { id, sharing, seed, owner, part }))
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
        Ok((target, Kind::Secret(Secret { id, variable, owner, required })))
    }

    fn ssh(&self) -> Result<(String, Kind), StepError> {
        let target = self.target()?.unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{}", self.number));
        let id = self.value(&self.mount.id)?.unwrap_or_else(|| "default".into());
        let (owner, required) = (self.owner(0o600)?, self.mount.required);
        Ok((target, Kind::Ssh(Ssh { id, owner, required })))
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
