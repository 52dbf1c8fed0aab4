//! The data that explains cache misses: the latest record in a place, and listings of contents.
//!
//! It never decides whether there is a hit. If it can't be written, or is lost or damaged, an explanation says less.

use crate::store::Store;
use libwire::Digest;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

impl Store {
    /// Makes `key` the latest record of each of these places.
    pub fn set_latest(&self, places: &[Digest], key: Digest) {
        for &place in places {
            let _ = overwrite(&self.place_file(place), format!("{key}\n").as_bytes());
        }
    }

    /// The key of the latest record of a place.
    pub fn latest(&self, place: Digest) -> Option<Digest> {
        std::fs::read_to_string(self.place_file(place)).ok()?.trim_end().parse().ok()
    }

    /// Writes the listing of a content, unless there is one.
    pub fn keep_listing(&self, content: &str, listing: impl FnOnce() -> Vec<u8>) {
        let Some(path) = self.listing_file(content) else { return };
        if !path.exists() {
            let _ = self.write_raw(&path, &crate::cache::seal(&listing()));
        }
    }

    /// The listing of a content.
    pub fn listing(&self, content: &str) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.listing_file(content)?).ok()?;
        crate::cache::unseal(&bytes).ok().map(<[u8]>::to_vec)
    }

    fn place_file(&self, place: Digest) -> PathBuf {
        self.path().join("latest").join(place.hex())
    }

    /// `content` is `ALGORITHM:HEX`.
    fn listing_file(&self, content: &str) -> Option<PathBuf> {
        let (_, hex) = content.split_once(':')?;
        let plain = !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| self.path().join("listings").join(hex))
    }
}

/// Writes `content` to a file in place. A new file for each place of a step would cost more than its cache record, and
/// a half-written key is recognised as invalid.
fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let mut old = vec![0; content.len() + 1];
    let len = file.read_at(&mut old, 0)?;
    if &old[..len] == content {
        return Ok(());
    }
    file.write_all_at(content, 0)?;
    if len > content.len() { file.set_len(content.len() as u64) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture as store;

    #[test]
    fn the_latest_key_of_each_place_is_found_and_a_damaged_one_is_none() {
        let (_dir, store) = store();
        let [a, b, one, two] = ["a", "b", "one", "two"].map(|text| Digest::of(text.as_bytes()));
        store.set_latest(&[a, b], one);
        store.set_latest(&[b], two);
        assert_eq!((store.latest(a), store.latest(b)), (Some(one), Some(two)));
        for damaged in ["x".to_owned(), format!("{one}\n{two}\n")] {
            std::fs::write(store.place_file(b), damaged).unwrap();
            assert_eq!(store.latest(b), None);
            store.set_latest(&[b], one);
            assert_eq!(store.latest(b), Some(one));
        }
    }

    #[test]
    fn a_listing_is_kept_once_and_never_outside_its_directory() {
        let (_dir, store) = store();
        store.keep_listing("blake3:0a", || b"one\n".to_vec());
        store.keep_listing("blake3:0a", || panic!("it is there"));
        assert_eq!(store.listing("blake3:0a").unwrap(), b"one\n");
        for name in ["blake3:", "0a", "blake3:../x", "blake3:a/b"] {
            store.keep_listing(name, || b"x".to_vec());
            assert_eq!(store.listing(name), None);
        }
        std::fs::write(store.path().join("listings/0a"), "one\n").unwrap();
        assert_eq!(store.listing("blake3:0a"), None, "a cut one");
    }
}
