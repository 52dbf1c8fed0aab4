//! Files from URLs, kept in the store as snapshots that hold nothing else. With a checksum, a URL that once gave the
//! right content is not fetched again, even if the server is away or another step asks for it. A URL that never did
//! is fetched, even if another one gave that content. Without a checksum the server is asked each time, but need not
//! send the file again.

use crate::error::StepError;
use crate::key::Key;
use crate::session::Session;
use crate::session::fetch::{fetch, other_answer};
use crate::session::scratch::Scratch;
use crate::tree::Tree;
use libstore::NewSnapshot;
use libwire::Digest;
use libwire::fetch::{Answer, Wanted};
use libwire::lock::Source;
use libwire::remote::redact;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file in the store that was fetched before.
#[derive(Serialize, Deserialize)]
struct KeptFile {
    snapshot: String,
    name: String,
    digest: Digest,
    etag: Option<String>,
}

/// A file that was fetched.
struct Download {
    name: String,
    digest: Digest,
    etag: Option<String>,
}

/// The facts about a file before it is fetched.
#[derive(Clone, Copy)]
pub enum Expected<'a> {
    /// Nothing.
    Anything,
    /// Nothing, and it is kept for a build that will know its digest.
    Unlocked,
    /// Its digest, by the Dockerfile.
    Checksum(Digest),
    /// Its digest, by the line of a lock that this source has.
    Locked(Digest, &'a Source),
}

/// The file at `url`, in a tree of its own, and its name. It has to be what is `expected`.
pub fn file(session: &Session, url: &str, expected: Expected) -> Result<(Tree, String), StepError> {
    let (wanted, checksum) = match expected {
        Expected::Anything | Expected::Unlocked => (None, None),
        Expected::Checksum(digest) => (Some(digest), Some(digest)),
        // The digest is checked below, because the fetcher does not know the lock.
        Expected::Locked(digest, _) => (Some(digest), None),
    };
    let key = key(session, url, wanted);
    let mut kept = find(session, &key)?;
    if let (Some(_), None) = (wanted, &kept) {
        kept = find(session, &self::key(session, url, None))?;
    }
    if let (Some(wanted), Some((kept, dir))) = (wanted, &kept)
        && kept.digest == wanted
    {
        return Ok((Tree::files(dir)?, kept.name.clone()));
    }
    let etag = kept.as_ref().filter(|_| wanted.is_none()).and_then(|(kept, _)| kept.etag.clone());
    let new = session.scratch()?;
    let request = Wanted::File { source: url.to_owned(), checksum, etag };
    match (fetch(session.options, request, Some(new.path()))?, kept) {
        (Answer::File { name, digest, etag }, _) => {
            if let Expected::Locked(wanted, source) = expected
                && digest != wanted
            {
                let (place, renew) = session.options.lock.place(source);
                let what = format!("{}: the content has the digest {digest}", redact(url));
                return Err(StepError::input(format!("{what}, and {place} has {wanted}")).hint(&renew));
            }
            let always = !matches!(expected, Expected::Anything);
            keep(session, &key, new, Download { name, digest, etag }, always)
        }
        (Answer::Unchanged, Some((kept, dir))) => Ok((Tree::files(&dir)?, kept.name)),
        _ => Err(other_answer()),
    }
}

/// The digest of what the server has at `url` now. The file is kept for the build that asks for this digest.
pub fn digest(session: &Session, url: &str) -> Result<Digest, StepError> {
    let (tree, name) = file(session, url, Expected::Unlocked)?;
    let [dir] = &tree.lowers[..] else { return Err(other_answer()) };
    digest_of(&dir.join(&name)).map_err(StepError::io(&name))
}

fn key(session: &Session, url: &str, checksum: Option<Digest>) -> Key {
    let mut key = Key::new("download", session.options.isolation);
    // A URL may hold a secret.
    key.add("url", Digest::of(url.as_bytes()).to_string());
    key.add("checksum", checksum.map(|digest| digest.to_string()).unwrap_or_default());
    key
}

/// A file that was fetched before, if it is still there and whole, and its directory.
fn find(session: &Session, key: &Key) -> Result<Option<(KeptFile, PathBuf)>, StepError> {
    let Some(kept) = session.store.cache_get::<KeptFile>(key.digest())? else { return Ok(None) };
    if !session.store.has_snapshot(&kept.snapshot) {
        return Ok(None);
    }
    let dir = session.store.snapshot_fs(&kept.snapshot)?;
    let whole = digest_of(&dir.join(&kept.name)).is_ok_and(|digest| digest == kept.digest);
    Ok(whole.then_some((kept, dir)))
}

/// The digest of a file's content.
fn digest_of(path: &Path) -> io::Result<Digest> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// Keeps the file in the store, if the next build may ask for it again.
fn keep(
    session: &Session,
    key: &Key,
    new: Scratch,
    download: Download,
    always: bool,
) -> Result<(Tree, String), StepError> {
    match new {
        Scratch::Store(new) if always || download.etag.is_some() => {
            let kept = publish(session, *new, download)?;
            session.store.cache_put(key.digest(), &kept)?;
            Ok((Tree::files(&session.store.snapshot_fs(&kept.snapshot)?)?, kept.name))
        }
        new => Ok((Tree::fetched(new, None)?, download.name)),
    }
}

/// Makes `new` a snapshot, unless there is one with the same file: URLs that differ only in a signature must not take
/// the space twice.
fn publish(
    session: &Session,
    new: NewSnapshot,
    Download { name, digest, etag }: Download,
) -> Result<KeptFile, StepError> {
    let meta = new.upper().join(&name).metadata().map_err(StepError::io(&name))?;
    let mut key = Key::new("file", session.options.isolation);
    key.add("name", name.clone());
    key.add("digest", digest.to_string());
    key.add("time", meta.mtime().to_string());
    if let Some((same, _)) = find(session, &key)? {
        return Ok(KeptFile { etag, ..same });
    }
    let kept = KeptFile { snapshot: new.publish()?, name, digest, etag };
    session.store.cache_put(key.digest(), &kept)?;
    Ok(kept)
}
