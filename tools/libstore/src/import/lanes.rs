//! Fetches blobs: several at once, the largest first, each locked against other processes, checked, and committed soon
//! after, so that an interrupted pull goes on from the complete ones. Layers are unpacked while they arrive, and only
//! the names wait for the disk.

use super::layer;
use crate::arrival::{Arrival, Incoming};
use crate::blob::BlobWriter;
use crate::error::StoreError;
use crate::image::Image;
use crate::store::Store;
use crate::unpack::{Origin, Unpack};
use libwire::Digest;
use libwire::image::Descriptor;
use std::cmp::Reverse;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// The number of blobs that are fetched at once.
const LANES: usize = 4;

/// Fetches the bytes of a blob.
pub type Fetch<'f, E> = dyn Fn(&Descriptor, &mut Incoming) -> Result<(), E> + Sync + 'f;

/// A blob to fetch.
struct Wanted<'a> {
    descriptor: &'a Descriptor,
    /// The diff ID, if it is a layer.
    diff_id: Option<Digest>,
    arrival: Arc<Arrival>,
}

/// A complete and verified blob that has no name yet.
struct Arrived<'a> {
    wanted: &'a Wanted<'a>,
    blob: BlobWriter,
    /// Other processes check whether it is in the store as soon as this is free.
    lock: File,
}

impl Store {
    /// Fetches the missing layers of `image` by `fetch`, and unpacks them meanwhile if `unpack` says how.
    pub fn fetch_layers<E: From<StoreError> + Send>(
        &self,
        image: &Image,
        fetch: &Fetch<E>,
        how: Option<&Unpack>,
    ) -> Result<(), E> {
        let diff_ids = image.config.rootfs.diff_ids.iter().copied().map(Some);
        let lanes = Lanes::new(self, image.manifest.layers.iter().zip(diff_ids), fetch);
        lanes.run(|| match how {
            Some(how) => self.unpack_from(&|layer| lanes.open(layer), image, how, Origin::Afar).map(drop),
            None => Ok(()),
        })
    }

    /// Fetches the missing ones of `blobs` by `fetch`.
    pub fn fetch_blobs<E: From<StoreError> + Send>(
        &self,
        blobs: &[Descriptor],
        fetch: &Fetch<E>,
    ) -> Result<(), E> {
        Lanes::new(self, blobs.iter().map(|blob| (blob, None)), fetch).run(|| Ok(()))
    }

    /// The process that fetches a blob holds this lock. Others wait for it without a limit.
    fn fetch_lock(&self, digest: Digest) -> Result<File, StoreError> {
        self.lock_work(&format!("fetch-{}", &digest.hex()[..3]), None)
    }
}

struct Lanes<'a, E> {
    store: &'a Store,
    wanted: Vec<Wanted<'a>>,
    fetch: &'a Fetch<'a, E>,
    next: AtomicUsize,
    ended: AtomicBool,
    failure: Mutex<Option<E>>,
}

impl<'a, E: From<StoreError> + Send> Lanes<'a, E> {
    fn new(
        store: &'a Store,
        blobs: impl Iterator<Item = (&'a Descriptor, Option<Digest>)>,
        fetch: &'a Fetch<'a, E>,
    ) -> Self {
        let mut wanted: Vec<Wanted> = Vec::new();
        for (descriptor, diff_id) in blobs {
            if !wanted.iter().any(|known| known.descriptor.digest == descriptor.digest) {
                wanted.push(Wanted { descriptor, diff_id, arrival: Arc::default() });
            }
        }
        wanted.sort_by_key(|one| Reverse(one.descriptor.size));
        Self {
            store,
            wanted,
            fetch,
            next: AtomicUsize::new(0),
            ended: false.into(),
            failure: Mutex::default(),
        }
    }

    /// Fetches all blobs while `job` runs. The first failure ends both, and is returned.
    fn run(&self, job: impl FnOnce() -> Result<(), StoreError>) -> Result<(), E> {
        let (sender, receiver) = channel();
        let done = std::thread::scope(|scope| {
            for _ in 0..LANES.min(self.wanted.len()) {
                let sender = sender.clone();
                scope.spawn(move || {
                    while let Some(one) = self.wanted.get(self.next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(error) = self.bring(one, &sender) {
                            return self.end(Some(error));
                        }
                    }
                });
            }
            drop(sender);
            scope.spawn(move || self.commit(&receiver));
            job().map_err(|error| {
                self.end(None);
                E::from(error)
            })
        });
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure),
            None => done,
        }
    }

    /// Commits the blobs that have arrived: those that arrived during one commit are committed together by the next.
    fn commit(&self, arrived: &Receiver<Arrived>) {
        while let Ok(first) = arrived.recv() {
            let (mut blobs, mut others) = (Vec::new(), Vec::new());
            for Arrived { wanted, blob, lock } in std::iter::once(first).chain(arrived.try_iter()) {
                blobs.push((blob, wanted.descriptor.media_type.clone()));
                others.push((wanted, lock));
            }
            match self.store.commit_all(blobs) {
                Ok(_) => others.iter().for_each(|(wanted, _)| wanted.arrival.stored()),
                Err(error) => return self.end(Some(error.into())),
            }
        }
    }

    /// Ends all transfers. A later failure is a consequence of this one, and is not kept.
    fn end(&self, failure: Option<E>) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        }
        self.next.store(self.wanted.len(), Ordering::Relaxed);
        self.wanted.iter().for_each(|one| one.arrival.failed());
    }

    fn bring(&'a self, one: &'a Wanted, arrived: &Sender<Arrived<'a>>) -> Result<(), E> {
        let Wanted { descriptor, diff_id, arrival } = one;
        let check = |compression| match diff_id {
            Some(diff_id) => layer::check(descriptor, compression, *diff_id),
            None => Ok(()),
        };
        if !self.store.has_blob(descriptor)? {
            let lock = self.store.fetch_lock(descriptor.digest)?;
            if !self.store.has_blob(descriptor)? {
                let mut incoming = arrival.begin(self.store, descriptor)?;
                (self.fetch)(descriptor, &mut incoming)?;
                let blob = incoming.into_blob();
                blob.check(descriptor)?;
                check(layer::compression(&blob)?)?;
                arrival.right();
                // After a failure, which ends this transfer too, nobody receives it any more.
                let _ = arrived.send(Arrived { wanted: one, blob, lock });
                return Ok(());
            }
        }
        check(self.store.compression_of(descriptor)?)?;
        arrival.stored();
        Ok(())
    }

    fn open(&self, layer: &Descriptor) -> Result<Box<dyn std::io::Read + Send>, StoreError> {
        let one = self.wanted.iter().find(|one| one.descriptor.digest == layer.digest);
        let one = one.ok_or_else(|| StoreError::missing(format!("blob {}", layer.digest)))?;
        one.arrival.open(self.store, layer)
    }
}
