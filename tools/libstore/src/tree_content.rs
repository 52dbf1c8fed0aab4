//! The content of the files of a tree, to find a byte that has changed.

use crate::error::StoreError;
use crate::store::Store;
use libtree::root::components;
use libtree::tar::{EntryKind, Reader};
use libtree::walk::{Next, walk};
use libtree::{FileKind, Owners};
use libwire::Digest;
use libwire::record::Layer;
use rustix::fs::{Mode, OFlags, openat, readlinkat};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The content of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    File(Digest),
    Symlink(Vec<u8>),
    /// None: its kind and mode say all.
    Other,
}

/// The contents of the paths of a tree.
pub(crate) struct TreeContent {
    paths: BTreeMap<Vec<u8>, (FileKind, u32, Content)>,
}

impl TreeContent {
    /// Reads all of a tree.
    pub(crate) fn of(tree: &Path) -> io::Result<Self> {
        let mut paths = BTreeMap::new();
        walk::<io::Error>(File::open(tree)?, Owners::Real, &mut |entry| {
            let content = match entry.meta.kind {
                FileKind::File => {
                    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    Content::File(digest(File::from(openat(entry.dir, entry.name, flags, Mode::empty())?))?)
                }
                FileKind::Symlink => {
                    Content::Symlink(readlinkat(entry.dir, entry.name, Vec::new())?.into_bytes())
                }
                _ => Content::Other,
            };
            paths.insert(entry.path.to_vec(), (entry.meta.kind, entry.meta.mode, content));
            Ok(Next::Descend)
        })?;
        Ok(Self { paths })
    }

    /// A digest of all contents.
    pub(crate) fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        for (path, (kind, mode, content)) in &self.paths {
            let content = match content {
                Content::File(digest) => digest.hex().into_bytes(),
                Content::Symlink(target) => target.clone(),
                Content::Other => Vec::new(),
            };
            let head = format!("{kind:?} {mode:o} {} {} ", path.len(), content.len());
            for part in [head.as_bytes(), path, &content] {
                hasher.update(part);
            }
        }
        Digest::from_bytes(hasher.finalize().into())
    }

    /// The path of a file or link that differs from its layer. Missing paths are not looked for, because the names are
    /// counted.
    pub(crate) fn other_than(&self, store: &Store, layer: &Layer) -> Result<Option<String>, StoreError> {
        let mut expected: BTreeMap<Vec<u8>, Content> = BTreeMap::new();
        store.read_layer(&layer.descriptor, layer.diff_id, |tar| {
            let mut tar = Reader::new(tar).limited(store.options().limits);
            while let Some(entry) = tar.next_entry()? {
                let path = normal(&entry.path);
                // The last entry of a path counts.
                match entry.kind {
                    EntryKind::File => expected.insert(path, Content::File(digest(tar.body())?)),
                    EntryKind::Symlink => expected.insert(path, Content::Symlink(entry.link)),
                    EntryKind::Hardlink => match expected.get(&normal(&entry.link)).cloned() {
                        Some(content) => expected.insert(path, content),
                        None => expected.remove(&path),
                    },
                    _ => expected.remove(&path),
                };
            }
            tar.drain()
        })?;
        let differs = |(path, wanted): &(&Vec<u8>, &Content)| {
            self.paths.get(*path).is_some_and(|(_, _, content)| content != *wanted)
        };
        let found = expected.iter().find(differs);
        Ok(found.map(|(path, _)| String::from_utf8_lossy(path).into_owned()))
    }
}

fn normal(path: &[u8]) -> Vec<u8> {
    components(path).filter(|part| *part != b".").collect::<Vec<_>>().join(&b'/')
}

fn digest(mut input: impl Read) -> io::Result<Digest> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;
    use libwire::image::MEDIA_LAYER;

    #[test]
    fn a_changed_byte_or_link_is_found_in_the_layers_words_and_in_the_digest() {
        let (dir, store) = fixture();
        let tree = dir.path().join("tree");
        std::fs::create_dir_all(tree.join("d")).unwrap();
        std::fs::write(tree.join("d/f"), "abc").unwrap();
        std::fs::hard_link(tree.join("d/f"), tree.join("h")).unwrap();
        std::os::unix::fs::symlink("d/f", tree.join("l")).unwrap();
        let mut tar = libtree::tar::Writer::new(Vec::new());
        let entry = |path: &str, kind, link: &str| libtree::tar::Entry {
            link: link.as_bytes().to_vec(),
            ..libtree::tar::Entry::new(path, kind)
        };
        for body in [&b"old"[..], b"abc"] {
            let file = libtree::tar::Entry { size: 3, ..entry("./d/f", EntryKind::File, "") };
            tar.append(&file, &mut &body[..]).unwrap();
        }
        tar.append(&entry("h", EntryKind::Hardlink, "./d/f"), &mut io::empty()).unwrap();
        tar.append(&entry("l", EntryKind::Symlink, "d/f"), &mut io::empty()).unwrap();
        tar.append(&entry("not-here", EntryKind::Symlink, "x"), &mut io::empty()).unwrap();
        let descriptor = store.put(&tar.finish().unwrap().0, MEDIA_LAYER).unwrap();
        let layer = Layer { diff_id: descriptor.digest, descriptor };
        let found = || TreeContent::of(&tree).unwrap().other_than(&store, &layer).unwrap();
        let before = TreeContent::of(&tree).unwrap().digest();
        assert_eq!(found(), None);
        std::fs::write(tree.join("d/f"), "abd").unwrap();
        assert_eq!(found(), Some("d/f".into()));
        assert_ne!(TreeContent::of(&tree).unwrap().digest(), before);
        std::fs::write(tree.join("d/f"), "abc").unwrap();
        assert_eq!(TreeContent::of(&tree).unwrap().digest(), before);
        std::fs::remove_file(tree.join("l")).unwrap();
        std::os::unix::fs::symlink("d/g", tree.join("l")).unwrap();
        assert_eq!(found(), Some("l".into()));
    }
}
