//! Keeps the tree and the settings of the last failed command of a store, so that they can be entered.
//!
//! A store keeps one failure. A new one removes the earlier ones that nobody is in. Nothing is built on it.

use crate::error::StoreError;
use crate::lock;
use crate::snapshot::NewSnapshot;
use crate::store::Store;
use libtree::walk::names_at;
use libwire::Digest;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A command that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    /// The key of its step.
    pub key: Digest,
    /// Its output: a path in the store.
    pub log: String,
    /// The id map under which it ran.
    pub isolation: String,
    /// The snapshots below its tree, lowest first.
    pub parents: Vec<String>,
    /// The shell of its stage.
    pub shell: String,
    /// Its environment, without secrets.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub cwd: String,
    /// Its user.
    pub user: String,
    /// Whether it had no network but its own.
    pub no_network: bool,
    /// Its host name.
    pub hostname: String,
    /// Lines of its /etc/hosts.
    pub add_hosts: Vec<(String, String)>,
    /// Size of its /dev/shm.
    pub shm_size: u64,
    /// Its limits: name, soft and hard.
    pub ulimits: Vec<(String, u64, u64)>,
    /// Whether it was not confined.
    pub insecure: bool,
    /// Whether setuid bits had no effect.
    #[serde(default)]
    pub no_new_privileges: bool,
    /// Its mounts, except secrets and agents.
    pub mounts: Vec<FailedMount>,
}

/// A mount of a failed command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedMount {
    /// The target.
    pub target: String,
    /// Whether it can't be written.
    pub readonly: bool,
    /// The source.
    pub source: FailedSource,
}

/// The source of a mount of a failed command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FailedSource {
    /// A path in the tree of snapshots.
    Snapshots {
        /// Lowest first.
        ids: Vec<String>,
        /// Where in it.
        path: String,
    },
    /// A path in a tree that was kept with the failure.
    View {
        /// Its number.
        number: usize,
        /// Where in it.
        path: String,
    },
    /// A cache directory.
    Cache {
        /// Its name.
        id: String,
        /// Where in it; empty is all.
        path: String,
    },
    /// Memory.
    Tmpfs {
        /// Its limit in bytes.
        size: Option<u64>,
    },
    /// A file with this text.
    Script {
        /// The text.
        text: String,
    },
}

/// A kept failure, which is not removed as long as this lives.
#[derive(Debug)]
pub struct KeptFailure {
    dir: PathBuf,
    /// The failed command.
    pub step: FailedStep,
    _lock: File,
}

impl KeptFailure {
    /// The tree that the command left, in overlay form.
    pub fn fs(&self) -> PathBuf {
        self.dir.join("fs")
    }

    /// The tree of a [`FailedSource::View`].
    pub fn view(&self, number: usize) -> PathBuf {
        self.dir.join(format!("view-{number}"))
    }
}

impl Store {
    /// Keeps the tree that a command left in `new`, and the trees of its mounts, in place of the failure before.
    pub fn keep_failure(
        &self,
        new: &NewSnapshot,
        views: &[&NewSnapshot],
        step: &FailedStep,
    ) -> Result<(), StoreError> {
        let what = || format!("cannot keep the failed step {}", new.id());
        let (dir, _lock) = self.temp_dir()?;
        let rename = |from: &Path, to: &Path| std::fs::rename(from, to).map_err(StoreError::io(what()));
        rename(new.upper(), &dir.join("fs"))?;
        for (number, view) in views.iter().enumerate() {
            rename(view.upper(), &dir.join(format!("view-{number}")))?;
        }
        self.write_record(&dir.join("step.json"), step)?;
        rename(&dir, &self.failure_dir(new.id())?)?;
        self.remove_failures(new.id());
        Ok(())
    }

    /// The failure whose id is `id` or begins so.
    pub fn failure(&self, id: &str) -> Result<Option<KeptFailure>, StoreError> {
        let found = self.failures().into_iter().find(|name| !id.is_empty() && name.starts_with(id));
        found.map_or(Ok(None), |id| self.open_failure(&id))
    }

    /// The failure of a step with this key.
    pub fn failure_of(&self, key: Digest) -> Option<KeptFailure> {
        let mut kept = self.failures().into_iter().filter_map(|id| self.open_failure(&id).ok().flatten());
        kept.find(|kept| kept.step.key == key)
    }

    fn open_failure(&self, id: &str) -> Result<Option<KeptFailure>, StoreError> {
        let dir = self.failure_dir(id)?;
        let Ok(lock) = File::open(&dir) else { return Ok(None) };
        let what = format!("cannot lock {}", dir.display());
        // A process that holds it exclusively is making or removing it.
        if !lock::try_take(&lock, lock::Mode::Shared).map_err(StoreError::io(what))? {
            return Ok(None);
        }
        let step = self.read_record::<FailedStep>(&dir.join("step.json"))?;
        Ok(step.map(|step| KeptFailure { dir, step, _lock: lock }))
    }

    fn failures(&self) -> Vec<String> {
        let names = names_at(&self.path().join("failed")).unwrap_or_default();
        names.into_iter().filter_map(|name| name.into_string().ok()).collect()
    }

    fn failure_dir(&self, id: &str) -> Result<PathBuf, StoreError> {
        self.snapshot_dir(id)?;
        Ok(self.path().join("failed").join(id))
    }

    /// Removes all failures except `but`. A failure that somebody is in stays until the next time.
    fn remove_failures(&self, but: &str) {
        for id in self.failures().iter().filter(|id| *id != but) {
            let Ok(dir) = self.failure_dir(id) else { continue };
            let Ok(lock) = File::open(&dir) else { continue };
            if !lock::try_take(&lock, lock::Mode::Exclusive).unwrap_or(false) {
                continue;
            }
            // Files that are left in tmp/ are removed later.
            if let Ok((temp, _held)) = self.temp_dir() {
                let _ = std::fs::rename(&dir, temp.join("removed"));
                let _ = self.remove_tmp(&temp);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn step(key: &[u8]) -> FailedStep {
        FailedStep {
            key: Digest::of(key),
            log: "logs/x.log".into(),
            isolation: "root".into(),
            parents: vec!["a".into()],
            shell: "/bin/sh".into(),
            env: vec![("A".into(), "1".into())],
            cwd: "/".into(),
            user: String::new(),
            no_network: true,
            hostname: "h".into(),
            add_hosts: Vec::new(),
            shm_size: 1,
            ulimits: vec![("nofile".into(), 1, u64::MAX)],
            insecure: false,
            no_new_privileges: false,
            mounts: vec![FailedMount {
                target: "/m".into(),
                readonly: true,
                source: FailedSource::View { number: 0, path: "/".into() },
            }],
        }
    }

    #[test]
    fn the_last_failure_is_kept_and_the_one_before_unless_it_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options::default()).unwrap();
        let keep = |key: &[u8]| {
            let (new, view) = (store.new_snapshot(&[]).unwrap(), store.new_snapshot(&[]).unwrap());
            std::fs::write(new.upper().join("left"), key).unwrap();
            std::fs::write(view.upper().join("seen"), key).unwrap();
            store.keep_failure(&new, &[&view], &step(key)).unwrap();
            new.id().to_owned()
        };
        let first = keep(b"1");
        let second = keep(b"2");
        assert!(store.failure(&first).unwrap().is_none() && store.failure("").unwrap().is_none());
        let used = store.failure(&second[..8]).unwrap().unwrap();
        assert_eq!(used.step, step(b"2"));
        assert_eq!(std::fs::read(used.fs().join("left")).unwrap(), b"2");
        assert_eq!(std::fs::read(used.view(0).join("seen")).unwrap(), b"2");
        let third = keep(b"3");
        assert!(store.failure(&second).unwrap().is_some() && store.failure(&third).unwrap().is_some());
        assert_eq!(store.failure_of(Digest::of(b"3")).unwrap().step, step(b"3"));
        drop(used);
        keep(b"4");
        assert_eq!(store.failures().len(), 1);
        assert_eq!(std::fs::read_dir(store.tmp()).unwrap().count(), 0);
    }
}
