//! The sizes of unpacked layers, as far as they are known without reading a layer.

use crate::cache::unseal;
use crate::store::Store;
use libtree::walk::names_at;
use libwire::Digest;
use libwire::record::LayerRecord;
use std::collections::BTreeMap;

impl Store {
    /// The bytes of the files of each layer that was unpacked or packed here, by its diff ID. Damaged entries are
    /// skipped, and left for the tools that need them.
    pub fn content_sizes(&self) -> BTreeMap<Digest, u64> {
        let ids = names_at(&self.path().join("snapshots")).unwrap_or_default();
        ids.iter().flat_map(|id| self.content_sizes_in(&id.to_string_lossy())).collect()
    }

    fn content_sizes_in(&self, id: &str) -> Vec<(Digest, u64)> {
        let Ok(meta) = self.snapshot_meta(id) else { return Vec::new() };
        // For older layers only the size of the tree is known, in which each name of a file counts.
        let size = |own: Option<u64>| own.or(meta.tree.map(|tree| tree.bytes));
        if let Some(diff_id) = meta.diff_id {
            return size(meta.content_size).map(|size| (diff_id, size)).into_iter().collect();
        }
        let files = self.layer_files(id).unwrap_or_default();
        let packed = files.iter().filter_map(|path| {
            let record: LayerRecord =
                serde_json::from_slice(unseal(&std::fs::read(path).ok()?).ok()?).ok()?;
            Some((record.layer.diff_id, size(record.content_size)?))
        });
        packed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerKey;
    use crate::store::fixture as store;
    use libwire::record::Layer;

    #[test]
    fn a_layers_own_size_counts_before_its_trees() {
        let (_dir, store) = store();
        let descriptor = store.put(b"layer", "x").unwrap();
        let packed = |content_size, diff_id: &[u8]| {
            let new = store.new_snapshot(&[]).unwrap();
            std::fs::write(new.upper().join("a"), "12345").unwrap();
            let layer = Layer { diff_id: Digest::of(diff_id), descriptor: descriptor.clone() };
            let snapshot = new.publish().unwrap();
            let record = LayerRecord { snapshot, layer, tar_size: 9, content_size, span: None, pushed: None };
            let key = LayerKey { compression: "gzip".into(), level: Some(6), clamp: None };
            store.set_layer(&key, &record).unwrap();
        };
        packed(Some(7), b"new");
        packed(None, b"old");
        store.new_snapshot(&[]).unwrap().publish().unwrap();
        let sizes = store.content_sizes();
        assert_eq!(sizes, BTreeMap::from([(Digest::of(b"new"), 7), (Digest::of(b"old"), 5)]));
    }
}
