//! The lock of a step that is being made, so that builds that need the same one make it once.
//!
//! Its file is in `tmp/`, named by the step's key. Its holder makes one step, and after it only takes locks of cache
//! mounts and of unpacking, so there is no deadlock.

use crate::error::StoreError;
use crate::lock::{self, Mode};
use crate::store::Store;
use libwire::Digest;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// The time between two looks whether the other process has ended.
const PAUSE: Duration = Duration::from_millis(25);

/// The right to make a step.
#[derive(Debug)]
pub struct StepLock {
    path: PathBuf,
    _lock: File,
}

impl Drop for StepLock {
    fn drop(&mut self) {
        // It is removed while it is locked, so that waiting processes see that it has no name any more. A file that
        // stays is removed like all unlocked files in tmp/.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Store {
    /// Gets the right to make the step with this key. While another process makes it, which may take hours, this waits,
    /// and names that process once. The step may be there afterwards.
    pub fn step_lock(&self, key: Digest, waits: impl FnOnce(&str)) -> Result<StepLock, StoreError> {
        let path = self.path().join("tmp").join(format!("step-{}", key.hex()));
        let failed = |error: io::Error| StoreError::io(format!("cannot lock {}", path.display()))(error);
        let mut waits = Some(waits);
        loop {
            let file = lock::open(&path).map_err(failed)?;
            while !lock::try_take(&file, Mode::Exclusive).map_err(failed)? {
                // At the second look, a process that only cleans up has gone.
                std::thread::sleep(PAUSE);
                if lock::try_take(&file, Mode::Exclusive).map_err(failed)? {
                    break;
                }
                if let Some(waits) = waits.take() {
                    waits(&lock::holder(&file));
                }
            }
            if file.metadata().map_err(failed)?.nlink() > 0 {
                return Ok(StepLock { path, _lock: file });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_makes_a_step_at_a_time_and_the_others_say_for_whom_they_wait() {
        let (_dir, store) = fixture();
        let key = Digest::of(b"key");
        let (inside, said) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = || {
            let lock = store.step_lock(key, |holder| {
                assert!(holder.contains(&std::process::id().to_string()), "{holder}");
                said.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            std::thread::sleep(Duration::from_millis(60));
            inside.fetch_sub(1, Ordering::SeqCst);
            drop(lock.unwrap());
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(make))));
        assert!(said.into_inner() > 0);
        store.step_lock(key, |_| panic!("nobody has it")).unwrap();
        assert_eq!(std::fs::read_dir(store.tmp()).unwrap().count(), 0);
    }
}
