//! Trees of repositories. Each commit's is kept in the store as a snapshot of its own, because a commit never changes.

use crate::error::StepError;
use crate::key::Key;
use crate::session::Session;
use crate::session::fetch::{fetch, other_answer};
use crate::session::scratch::Scratch;
use crate::tree::Tree;
use libwire::Digest;
use libwire::fetch::{Answer, Wanted};
use libwire::remote::{Pinned, Repository};
use serde::{Deserialize, Serialize};

/// A tree in the store that was checked out before.
#[derive(Serialize, Deserialize)]
struct KeptTree {
    snapshot: String,
}

/// The commit that `repository`, written as `source`, means now.
pub fn commit(session: &Session, source: &str, repository: &Repository) -> Result<Pinned, StepError> {
    let wanted = Wanted::Commit { source: source.to_owned(), checksum: repository.checksum.clone() };
    match fetch(session.options, wanted, None)? {
        Answer::Commit(pinned) => Ok(pinned),
        _ => Err(other_answer()),
    }
}

/// The tree of the commit that `repository`, written as `source`, means now, or of the one that is `locked`. `keep`: with
/// its `.git`.
pub fn tree(
    session: &Session,
    source: &str,
    repository: &Repository,
    locked: Option<&str>,
    keep: bool,
) -> Result<Tree, StepError> {
    let pinned = match locked {
        Some(commit) => Pinned::to(commit, None),
        None => self::commit(session, source, repository)?,
    };
    let mut key = Key::new("checkout", session.options.isolation);
    // It may hold a password.
    key.add("remote", Digest::of(repository.remote.as_bytes()).to_string());
    key.add("commit", pinned.commit());
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
    if let Some(known) = session.store.cache_get::<KeptTree>(key.digest())?
        && session.store.has_snapshot(&known.snapshot)
    {
        return kept(&known.snapshot);
    }
    let new = session.scratch()?;
    let wanted = Wanted::Tree { source: source.to_owned(), commit: pinned, keep_git_dir: keep };
    let Answer::Tree = fetch(session.options, wanted, Some(new.path()))? else { return Err(other_answer()) };
    match new {
        Scratch::Store(new) => {
            let snapshot = new.publish()?;
            session.store.cache_put(key.digest(), &KeptTree { snapshot: snapshot.clone() })?;
            kept(&snapshot)
        }
        new => Tree::fetched(new, repository.subdir.as_deref()),
    }
}
