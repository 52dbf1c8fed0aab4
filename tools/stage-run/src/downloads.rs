//! Files from URLs. One whose checksum is known stays in the store, as a snapshot that holds nothing else, and
//! is not fetched again: neither when the server is away nor when another step asks for it.

use crate::cache::Key;
use crate::error::StepError;
use crate::scratch::Scratch;
use crate::session::Session;
use crate::tree::Tree;
use libwire::Digest;
use serde::{Deserialize, Serialize};

/// Where a file is that was fetched before.
#[derive(Serialize, Deserialize)]
struct Kept {
    snapshot: String,
    name: String,
}

/// Fetches a file into a directory that lives as long as its tree. Gives the tree and the file's name.
pub fn fetch(session: &Session, url: &str, expected: Option<Digest>) -> Result<(Tree, String), StepError> {
    let new = Scratch::new(session)?;
    let file = libfetch::download(url, &new.path(), expected, &session.options.fetch)?;
    Ok((Tree::fetched(new, None)?, file.name))
}

/// The file at `url` with the digest `expected`: the one fetched before, if it is there and still whole.
pub fn known(session: &Session, url: &str, expected: Digest) -> Result<(Tree, String), StepError> {
    let mut key = Key::new("download", session.options.isolation);
    key.add("checksum", expected.to_string());
    match libfetch::file_name(url) {
        Some(name) => key.add("name", name),
        // The server names it.
        None => key.add("url", Digest::of(url.as_bytes()).to_string()),
    }
    if let Some(kept) = session.store.cache_get::<Kept>(key.digest())?
        && session.store.has_snapshot(&kept.snapshot)
    {
        let dir = session.store.snapshot_fs(&kept.snapshot)?;
        if libfetch::digest_of(&dir.join(&kept.name)).is_ok_and(|digest| digest == expected) {
            return Ok((Tree::files(&dir)?, kept.name));
        }
    }
    if session.options.dry_run {
        return fetch(session, url, Some(expected));
    }
    let new = session.store.new_snapshot(&[])?;
    let name = libfetch::download(url, new.upper(), Some(expected), &session.options.fetch)?.name;
    let kept = Kept { snapshot: new.publish()?, name };
    session.store.cache_put(key.digest(), &kept)?;
    Ok((Tree::files(&session.store.snapshot_fs(&kept.snapshot)?)?, kept.name))
}
