//! A blob on its way into the store. One thread writes it while it arrives, and others read the part that is there.
//! They see its end only after all of it was verified.

use crate::blob::BlobWriter;
use crate::error::StoreError;
use crate::store::Store;
use libwire::image::Descriptor;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A blob that arrives.
#[derive(Default)]
pub(crate) struct Arrival {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Its file, until it has a name.
    file: Option<Arc<File>>,
    /// The number of bytes that are there.
    written: u64,
    fate: Fate,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Coming,
    /// It is complete and verified. It gets its name when it is on the disk.
    Right,
    /// It is in the store.
    Stored,
    /// It has failed.
    Failed,
}

impl Arrival {
    /// Begins to write the blob.
    pub(crate) fn begin<'a>(
        &'a self,
        store: &Store,
        descriptor: &Descriptor,
    ) -> Result<Incoming<'a>, StoreError> {
        let blob = store.blob_writer()?;
        let file = blob.reread().map_err(StoreError::io("cannot read back a blob"))?;
        self.change(|state| state.file = Some(Arc::new(file)));
        Ok(Incoming { blob, arrival: self, size: descriptor.size })
    }

    /// Marks the blob as complete and verified, so that readers need not wait for the disk.
    pub(crate) fn right(&self) {
        self.change(|state| state.fate = Fate::Right);
    }

    /// It is in the store.
    pub(crate) fn stored(&self) {
        self.change(|state| (state.file, state.fate) = (None, Fate::Stored));
    }

    /// Marks the blob as failed, unless it is there already.
    pub(crate) fn failed(&self) {
        self.change(|state| {
            if state.fate == Fate::Coming {
                state.fate = Fate::Failed;
            }
        });
    }

    /// Opens the blob as soon as its first bytes are there. A read that reaches the end without an error has verified
    /// it.
    pub(crate) fn open(
        self: &Arc<Self>,
        store: &Store,
        descriptor: &Descriptor,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        let state = self.wait(|state| state.file.is_none());
        match (&state.file, state.fate) {
            (_, Fate::Stored) => store.open_boxed(descriptor),
            (Some(file), Fate::Coming | Fate::Right) => {
                Ok(Box::new(Follower { arrival: Arc::clone(self), file: Arc::clone(file), at: 0 }))
            }
            _ => Err(StoreError::invalid(format!("blob {}", descriptor.digest), GONE)),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits as long as the blob arrives and `idle` holds.
    fn wait(&self, idle: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_while(state, |state| state.fate == Fate::Coming && idle(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody sees this message: the thread that writes the blob has failed before, and its error is shown.
const GONE: &str = "it did not come to its end";

/// Writes the bytes of a blob, and refuses more than its descriptor says.
pub struct Incoming<'a> {
    blob: BlobWriter,
    arrival: &'a Arrival,
    size: u64,
}

impl Incoming<'_> {
    /// The blob, to be checked and committed.
    pub(crate) fn into_blob(self) -> BlobWriter {
        self.blob
    }
}

impl Write for Incoming<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.arrival.wait(|_| false).fate == Fate::Failed {
            return Err(io::Error::other(GONE));
        }
        if bytes.len() as u64 > self.size - self.blob.size() {
            let what = format!("is longer than the {} bytes that its descriptor says", self.size);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let written = self.blob.write(bytes)?;
        self.arrival.change(|state| state.written = self.blob.size());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the part of a blob that has arrived, and waits for more.
struct Follower {
    arrival: Arc<Arrival>,
    file: Arc<File>,
    at: u64,
}

impl Read for Follower {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (written, fate) = {
            let state = self.arrival.wait(|state| state.written <= self.at);
            (state.written, state.fate)
        };
        let there = usize::try_from(written - self.at).unwrap_or(usize::MAX).min(buffer.len());
        match fate {
            Fate::Failed => Err(io::Error::new(io::ErrorKind::InvalidData, GONE)),
            _ => {
                let read = self.file.read_at(&mut buffer[..there], self.at)?;
                self.at += read as u64;
                Ok(read)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::descriptor;
    use crate::store::fixture;
    use libwire::Digest;

    #[test]
    fn readers_follow_the_writer_and_see_the_end_only_of_what_was_right() {
        let (_dir, store) = fixture();
        let expected = descriptor("x", Digest::of(b"abcdef"), 6);
        for right in [true, false] {
            let arrival = Arc::new(Arrival::default());
            std::thread::scope(|scope| {
                let read = || {
                    let mut text = String::new();
                    arrival.open(&store, &expected).unwrap().read_to_string(&mut text).map(|_| text)
                };
                let mut incoming = arrival.begin(&store, &expected).unwrap();
                let readers: Vec<_> = (0..3).map(|_| scope.spawn(read)).collect();
                incoming.write_all(b"abc").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(5));
                incoming.write_all(b"def").unwrap();
                assert!(incoming.write_all(b"g").is_err(), "it is longer than it should be");
                match right {
                    true => arrival.right(),
                    false => arrival.failed(),
                }
                for reader in readers {
                    assert_eq!(reader.join().unwrap().ok().as_deref(), right.then_some("abcdef"));
                }
                if right {
                    incoming.into_blob().commit_as(&expected).unwrap();
                    arrival.stored();
                }
            });
            let again = arrival.open(&store, &expected).map(|mut blob| {
                let mut text = String::new();
                blob.read_to_string(&mut text).map(|_| text)
            });
            assert_eq!(again.ok().and_then(Result::ok).as_deref(), right.then_some("abcdef"));
        }
    }
}
