//! Writes unpacked files to the disk while unpacking goes on, so that little is left for the one sync at the end of a
//! build. It promises no durability, and does not unpack.

use crate::error::StoreError;
use crate::store::Store;
use crate::write;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::Duration;

/// The time between two syncs. A small layer is unpacked before the first.
const PAUSE: Duration = Duration::from_millis(100);

/// A thread that syncs from time to time.
pub(super) struct EarlySync<'scope> {
    going_on: SyncSender<()>,
    thread: ScopedJoinHandle<'scope, Result<(), StoreError>>,
}

impl<'scope> EarlySync<'scope> {
    /// Starts the thread, unless this store is never synced, or no more threads may be started. The sync at the end
    /// then does all the work.
    pub(super) fn start(scope: &'scope Scope<'scope, '_>, store: &'scope Store) -> Option<Self> {
        let (going_on, ended) = sync_channel(0);
        let again = move || {
            while ended.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                write::sync_all(store.path())?;
            }
            Ok(())
        };
        if !store.options().sync {
            return None;
        }
        let thread = Builder::new().name("sync".into()).spawn_scoped(scope, again).ok()?;
        Some(Self { going_on, thread })
    }

    /// Ends the thread. The kernel reports a failed sync only once, so the caller must pass this error on.
    pub(super) fn end(self) -> Result<(), StoreError> {
        drop(self.going_on);
        let died = |_| StoreError::io("cannot sync")(io::Error::other("a thread ended early"));
        self.thread.join().map_err(died)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn it_syncs_until_it_is_ended_and_never_where_nothing_is_synced() {
        for sync in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let options = Options { sync, ..Options::default() };
            let store = Store::open(&dir.path().join("s"), options).unwrap();
            std::thread::scope(|scope| {
                let early = EarlySync::start(scope, &store);
                assert_eq!(early.is_some(), sync);
                std::thread::sleep(PAUSE * 2);
                early.map_or(Ok(()), EarlySync::end).unwrap();
            });
        }
    }
}
