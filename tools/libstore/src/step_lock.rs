//! The lock of a step that is being made, so that builds that need the same one make it once.
//!
//! Its file is in `tmp/`, named by the step's key. Whoever has it makes one step, and takes only locks of cache mounts and
//! of unpacking after it; so nobody waits in a circle.

use crate::error::StoreError;
use crate::lock::{self, Mode};
use crate::store::Store;
use libwire::Digest;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// How long between two looks whether the other has ended.
const PAUSE: Duration = Duration::from_millis(25);

/// The right to make a step.
#[derive(Debug)]
pub struct StepLock {
    path: PathBuf,
    _lock: File,
}

impl Drop for StepLock {
    fn drop(&mut self) {
        // As long as it is locked: who waits for it finds that it has no name any more. What stays is removed as all that
        // nobody holds in tmp/.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Store {
    /// Becomes the one who makes the step with this key. As long as another does, which may take hours, it waits, and says
    /// once whom it waits for. The step may be there then.
    pub fn step_lock(&self, key: Digest, waits: impl FnOnce(&str)) -> Result<StepLock, StoreError> {
        let path = self.path().join("tmp").join(format!("step-{}", key.hex()));
        let failed = |error: io::Error| StoreError::io(format!("cannot lock {}", path.display()))(error);
        let mut waits = Some(waits);
        loop {
            let file = lock::open(&path).map_err(failed)?;
            while !lock::try_take(&file, Mode::Exclusive).map_err(failed)? {
                // By the second look one that only cleans up has gone.
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
