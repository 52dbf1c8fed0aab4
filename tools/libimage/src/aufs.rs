//! Hard links in layers of docker 1 with AUFS. The file is in a directory of AUFS's own, which is not part of the
//! tree, and all its names in the tree are links to it. Here the first of these names is the file.

use libtree::extract::is_aufs_link_target;
use libtree::root::components;
use libtree::tar::{Entry, EntryKind};
use std::collections::HashMap;

/// The files of one layer that are only targets of links, each with its reader's notes.
pub(crate) struct Links<T>(HashMap<Vec<u8>, Linked<T>>);

enum Linked<T> {
    /// No name in the tree yet.
    Kept(Box<Entry>, T),
    /// Its first name in the tree.
    Named(Vec<u8>),
}

impl<T> Links<T> {
    pub(crate) fn new() -> Self {
        Self(HashMap::new())
    }

    /// Whether an entry is such a file.
    pub(crate) fn is_target(entry: &Entry) -> bool {
        entry.kind == EntryKind::File && is_aufs_link_target(&entry.path)
    }

    /// Keeps such a file until it has a name in the tree.
    pub(crate) fn keep(&mut self, entry: Entry, noted: T) {
        self.0.insert(clean(&entry.path), Linked::Kept(Box::new(entry), noted));
    }

    /// Resolves an entry of the tree. The first link becomes the file, with its notes. A later link becomes a link to
    /// the first name.
    pub(crate) fn follow(&mut self, entry: Entry) -> (Entry, Option<T>) {
        let found = (entry.kind == EntryKind::Hardlink).then(|| self.0.get_mut(&clean(&entry.link)));
        let Some(linked) = found.flatten() else { return (entry, None) };
        match std::mem::replace(linked, Linked::Named(entry.path.clone())) {
            Linked::Kept(file, noted) => (Entry { path: entry.path, ..*file }, Some(noted)),
            Linked::Named(first) => {
                *linked = Linked::Named(first.clone());
                (Entry { link: first, ..entry }, None)
            }
        }
    }
}

fn clean(path: &[u8]) -> Vec<u8> {
    components(path).collect::<Vec<_>>().join(&b'/')
}
