//! Checks whether a snapshot's tree still has the files that it had when it was made.

use crate::error::StoreError;
use crate::snapshot::{SnapshotMeta, TREE};
use crate::store::Store;
use crate::tree_totals::difference;
use std::fs::File;

impl Store {
    /// Fails if a snapshot's tree has lost or gained a name since it was made, with `sizes` also if its files have
    /// other lengths. The snapshot is then put aside, so that it can be made again. Returns `false` without a check if
    /// it has more than `most` names.
    pub fn check_snapshot(&self, id: &str, sizes: bool, most: u64) -> Result<bool, StoreError> {
        let dir = self.snapshot_dir(id)?;
        let why = match self.snapshot_meta(id) {
            Ok(SnapshotMeta { tree: Some(made), .. }) if made.names > most => return Ok(false),
            Ok(SnapshotMeta { tree: Some(made), .. }) => match File::open(dir.join(TREE)) {
                Ok(tree) => difference(made, tree, sizes)
                    .map_err(StoreError::io(format!("cannot read {}", dir.display())))?,
                // The snapshot is deferred.
                Err(_) => None,
            },
            // An older snapshot does not have these numbers.
            Ok(_) => None,
            Err(StoreError::Corrupt { why, .. }) => Some(why),
            Err(error) => return Err(error),
        };
        let Some(why) = why else { return Ok(true) };
        self.quarantine(&dir, id);
        Err(StoreError::corrupt(format!("snapshot {id}"), why + "; it was put aside, so run this again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::META;
    use crate::store::fixture as store;

    #[test]
    fn a_snapshot_that_lost_something_is_put_aside() {
        let (_dir, store) = store();
        let make = || {
            let new = store.new_snapshot(&[]).unwrap();
            std::fs::write(new.upper().join("a"), "12345").unwrap();
            std::fs::create_dir(new.upper().join("d")).unwrap();
            new.publish().unwrap()
        };
        let (cut, gone, whole) = (make(), make(), make());
        let file = |id: &str| store.snapshot_fs(id).unwrap().join("a");
        std::fs::write(file(&cut), "1234").unwrap();
        std::fs::remove_file(file(&gone)).unwrap();
        assert!(store.check_snapshot(&cut, false, 2).unwrap());
        assert!(!store.check_snapshot(&gone, true, 1).unwrap(), "it has two names");
        for id in [&cut, &gone] {
            let error = store.check_snapshot(id, true, 2).unwrap_err().to_string();
            assert!(error.contains("was put aside") && !store.has_snapshot(id), "{error}");
        }
        store.check_snapshot(&whole, true, 2).unwrap();
        let older = SnapshotMeta { tree: None, ..store.snapshot_meta(&whole).unwrap() };
        let meta = store.snapshot_dir(&whole).unwrap().join(META);
        std::fs::write(meta, serde_json::to_vec(&older).unwrap()).unwrap();
        std::fs::remove_file(file(&whole)).unwrap();
        store.check_snapshot(&whole, true, 2).unwrap();
    }
}
