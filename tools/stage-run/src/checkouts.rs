//! Trees of repositories, each commit's kept in the store as a snapshot of its own: a commit is the same for ever.

use crate::cache::Key;
use crate::error::StepError;
use crate::scratch::Scratch;
use crate::session::Session;
use crate::tree::Tree;
use libfetch::git::{self, Repository};
use libwire::Digest;
use serde::{Deserialize, Serialize};

/// Where a tree is that was checked out before.
#[derive(Serialize, Deserialize)]
struct Kept {
    snapshot: String,
}

/// The tree of what `repository` means now, with its `.git` if that is to be kept.
pub fn tree(session: &Session, repository: &Repository, keep: bool) -> Result<Tree, StepError> {
    let environment = session.fetch_environment()?;
    let pinned = git::pin(repository, &environment)?;
    let mut key = Key::new("checkout", session.options.isolation);
    // It may hold a password.
    key.add("remote", Digest::of(repository.remote.as_bytes()).to_string());
    key.add("commit", pinned.commit.clone());
    key.add("subdir", repository.subdir.clone().unwrap_or_default());
    // A kept .git has the name that was asked for, and the tag.
    let keeps = format!("{} {}", pinned.object(), pinned.name().unwrap_or_default());
    key.add("keep", if keep { keeps } else { "false".to_owned() });
    for (name, value) in [("bare", repository.bare), ("fresh", repository.fresh)] {
        key.add(name, value.to_string());
    }
    let kept = |snapshot: &str| -> Result<Tree, StepError> {
        let dir = session.store.snapshot_fs(snapshot)?;
        // No link is in the way: the checkout would have failed.
        Tree::files(&repository.subdir.as_ref().map_or(dir.clone(), |subdir| dir.join(subdir)))
    };
    if let Some(known) = session.store.cache_get::<Kept>(key.digest())?
        && session.store.has_snapshot(&known.snapshot)
    {
        return kept(&known.snapshot);
    }
    let new = Scratch::new(session)?;
    let below = git::check_out(repository, &pinned, new.path(), keep, &environment)?;
    match new {
        Scratch::Store(new) => {
            let snapshot = new.publish()?;
            session.store.cache_put(key.digest(), &Kept { snapshot: snapshot.clone() })?;
            kept(&snapshot)
        }
        new => Tree::fetched(new, Some(below)),
    }
}
