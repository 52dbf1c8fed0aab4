//! Pushing to one repository: what is there is asked first, then blobs are sent, several at once, then documents, and tags
//! last. So nobody ever sees a name whose image is not whole.

use crate::content::{Content, DOCUMENTS, Document, distinct, named};
use crate::destination::Target;
use crate::neighbours::Neighbours;
use crate::progress::{Count, Counted, watched};
use libhttp::FetchError;
use libregistry::{Delivery, Published, Repository, Session, Upload};
use libstore::Store;
use libwire::Digest;
use libwire::image::Descriptor;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How a blob came to a repository.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// How the repository came to it.
    pub how: Delivery,
    /// How long that took.
    pub took: Duration,
}

/// The result of pushing an image to one repository.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The repository and the tags.
    pub target: Target,
    /// The blobs that were asked for. None where the image was there.
    pub blobs: Vec<Delivered>,
    /// Whether there was anything to do.
    pub changed: bool,
}

/// Sends to one repository.
pub struct Pusher<'a, 'c> {
    /// Where blobs are.
    pub store: &'a Store,
    /// The repository.
    pub session: Session<'c>,
    /// Its name, and the tags to write.
    pub target: &'a Target,
    /// The repositories of the registry that may have a blob.
    pub neighbours: &'a Neighbours<'a>,
    /// Repositories of the registry that have what is pushed.
    pub before: &'a [Repository],
    /// How many blobs are sent at once.
    pub jobs: usize,
    /// Whether it is said how far it is.
    pub progress: bool,
}

impl Pusher<'_, '_> {
    /// Brings an image there under the tags, or by its digest where there is none.
    pub fn push(&self, content: &Content) -> Result<Pushed, FetchError> {
        let own = content.digest();
        let names = match self.target.tags.is_empty() {
            true => vec![own.to_string()],
            false => self.target.tags.clone(),
        };
        let mut stale = Vec::new();
        let mut earlier = None;
        for name in &names {
            match allowed(self.session.digest(name, DOCUMENTS))?.flatten() {
                Some(digest) if digest == own => {}
                other => {
                    earlier = earlier.or(other);
                    stale.push(name.as_str());
                }
            }
        }
        let changed = !stale.is_empty();
        // Where one of the tags is right, all is there that the others name.
        let blobs = match stale.len() == names.len() {
            true => self.bring(content, &stale, earlier)?,
            false => {
                self.write(&[], content, &stale)?.map_or(Ok(()), |missing| Err(self.lacks(missing)))?;
                Vec::new()
            }
        };
        for name in stale {
            self.look(name, own)?;
        }
        Ok(Pushed { target: self.target.clone(), blobs, changed })
    }

    /// Brings all of an image and names it. The parts of the `earlier` image under the name are taken to be
    /// there. They are looked for only when the registry says that something is missing.
    fn bring(
        &self,
        content: &Content,
        names: &[&str],
        earlier: Option<Digest>,
    ) -> Result<Vec<Delivered>, FetchError> {
        let known: BTreeSet<Digest> = match earlier {
            None => BTreeSet::new(),
            Some(digest) => {
                let earlier = allowed(self.session.manifest(&digest.to_string(), DOCUMENTS))?.flatten();
                let bytes = earlier.map(|earlier| earlier.bytes).unwrap_or_default();
                named(&bytes).iter().map(|blob| blob.digest).collect()
            }
        };
        let mut absent = Vec::new();
        for document in &content.below {
            let digest = document.descriptor.digest;
            if allowed(self.session.digest(&digest.to_string(), DOCUMENTS))?.flatten() != Some(digest) {
                absent.push(document);
            }
        }
        let top = [&content.top];
        let mut delivered = self.send(&distinct(absent.iter().copied().chain(top)), &known)?;
        if self.write(&absent, content, names)?.is_some() {
            let all: Vec<&Document> = content.below.iter().collect();
            delivered.extend(self.send(&content.blobs(), &BTreeSet::new())?);
            self.write(&all, content, names)?.map_or(Ok(()), |missing| Err(self.lacks(missing)))?;
        }
        Ok(delivered)
    }

    /// Stores documents, and the top one under its names. The value is one that names what is missing, and the
    /// registry's words.
    fn write(
        &self,
        below: &[&Document],
        content: &Content,
        names: &[&str],
    ) -> Result<Option<(String, String)>, FetchError> {
        let below = below.iter().map(|document| (document.descriptor.digest.to_string(), *document));
        let top = names.iter().map(|name| ((*name).to_owned(), &content.top));
        for (name, document) in below.chain(top) {
            let published = self.session.publish(&name, &document.descriptor.media_type, &document.bytes)?;
            if let Published::Incomplete(what) = published {
                return Ok(Some((name, what)));
            }
        }
        Ok(None)
    }

    fn lacks(&self, (name, what): (String, String)) -> FetchError {
        FetchError::refused(&self.target.repository.manifest(&name), what)
    }

    /// Looks whether a name means what it should.
    fn look(&self, name: &str, own: Digest) -> Result<(), FetchError> {
        let what = match allowed(self.session.digest(name, DOCUMENTS))? {
            // Who may not look has the registry's word for what it stored.
            None => return Ok(()),
            Some(Some(digest)) if digest == own => return Ok(()),
            Some(Some(other)) => {
                format!("it means {other} now, and not what was pushed; does somebody else push it?")
            }
            Some(None) => "it was taken and is not there now; push it again".into(),
        };
        Err(self.lacks((name.to_owned(), what)))
    }

    /// Sends blobs but those that are `known` to be there, the largest first. The first failure ends the others.
    pub fn send(
        &self,
        blobs: &[&Descriptor],
        known: &BTreeSet<Digest>,
    ) -> Result<Vec<Delivered>, FetchError> {
        let mut wanted: Vec<&Descriptor> =
            blobs.iter().copied().filter(|blob| !known.contains(&blob.digest)).collect();
        wanted.sort_by_key(|blob| Reverse(blob.size));
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let delivered = Mutex::new(Vec::new());
        let count = Arc::new(Count::default());
        let work = || {
            while let Some(blob) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.deliver(blob, &count) {
                    Ok(one) => lock(&delivered).push(one),
                    Err(error) => {
                        next.store(wanted.len(), Ordering::Relaxed);
                        // Senders that end because of this error come later, and have nothing to tell.
                        let mut failure = lock(&failure);
                        if !count.has_ended() {
                            *failure = Some(error);
                        }
                        count.end();
                    }
                }
            }
        };
        let total = wanted.iter().map(|blob| blob.size).sum();
        watched(&self.target.name(), total, self.progress, &count, || {
            thread::scope(|scope| (0..self.jobs.min(wanted.len())).for_each(|_| drop(scope.spawn(work))));
        });
        match lock(&failure).take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut *lock(&delivered))),
        }
    }

    /// Sends one blob, if it is not there.
    pub fn deliver(&self, blob: &Descriptor, count: &Arc<Count>) -> Result<Delivered, FetchError> {
        let began = Instant::now();
        let path = self.store.blob_path(blob.digest);
        let open = |from: u64| {
            let gone = |error: io::Error| match error.kind() {
                io::ErrorKind::NotFound => {
                    let what =
                        format!("blob {} is not in the store; pull the image that it is of", blob.digest);
                    io::Error::new(io::ErrorKind::NotFound, what)
                }
                _ => error,
            };
            let mut file = File::open(&path).map_err(gone)?;
            file.seek(SeekFrom::Start(from))?;
            Ok(Box::new(Counted { input: file, count: Arc::clone(count) }) as Box<dyn Read>)
        };
        let upload = Upload { digest: blob.digest, size: blob.size, open: &open };
        let neighbours = || self.neighbours.of(blob.digest, &self.target.repository, self.before);
        let how = self.session.upload(&upload, &neighbours).map_err(|error| self.blame(blob, error))?;
        Ok(Delivered { digest: blob.digest, size: blob.size, how, took: began.elapsed() })
    }

    /// A blob that was refused may be damaged here, which is the better thing to say.
    fn blame(&self, blob: &Descriptor, error: FetchError) -> FetchError {
        if !matches!(error, FetchError::Refused { .. }) {
            return error;
        }
        let read = self.store.open_blob(blob).map_err(io::Error::other);
        let read = read.and_then(|mut input| io::copy(&mut input, &mut io::sink()));
        match read {
            Ok(_) => error,
            Err(damage) => FetchError::io("cannot read what is to be sent")(damage),
        }
    }
}

/// An answer, or none where nobody may ask: some registries let others write who may not read, or deny having what is not
/// there yet. Whether writing is allowed, the first upload says.
fn allowed<T>(answer: Result<T, FetchError>) -> Result<Option<T>, FetchError> {
    match answer {
        Err(FetchError::Login { .. } | FetchError::Refused { .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

/// A thread that panicked left the value whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
