//! A digest of all that decides what a selection writes: the content part of a step's cache key. Beside it a
//! short fingerprint of each path, which only serves to say later which one changed.

use crate::Tree;
use crate::error::CopyError;
use crate::select::{Kind, Selected, open};
use crate::sources::{Found, join};
use blake3::Hasher;
use libtree::{FileKind, Meta, xattr};
use std::io;
use std::os::fd::AsFd;

pub(crate) struct Digest<'a> {
    hasher: Hasher,
    tree: Tree<'a>,
    /// Whether owners are kept.
    owner: bool,
    /// One for each path and document, in order.
    fingerprints: Vec<u64>,
}

impl<'a> Digest<'a> {
    pub fn new(tree: Tree<'a>, owner: bool) -> Self {
        Self { hasher: Hasher::new(), tree, owner: owner && !tree.local, fingerprints: Vec::new() }
    }

    /// The digest and the fingerprints.
    pub fn finish(self) -> (String, Vec<u64>) {
        (format!("blake3:{}", self.hasher.finalize().to_hex()), self.fingerprints)
    }

    pub fn source(&mut self, selected: &Selected) -> Result<(), CopyError> {
        let Found { path, name, meta, matched, .. } = &selected.found;
        // A name that no pattern found is the request's.
        let name = if *matched { name.as_slice() } else { b"" };
        match &selected.kind {
            Kind::Dir(members) => {
                self.part(b"directory");
                self.number(members.len());
                for member in members {
                    self.path(&join(path, &member.path), &member.path, &member.meta)?;
                }
            }
            Kind::File => {
                self.part(b"file");
                self.path(path, name, meta)?;
            }
            Kind::Archive => {
                self.part(b"archive");
                self.path(path, name, meta)?;
            }
        }
        Ok(())
    }

    pub fn document(&mut self, name: &str, bytes: &[u8]) {
        self.part(b"document");
        self.part(name.as_bytes());
        self.part(bytes);
        self.fingerprints.push(short(blake3::hash(bytes).as_bytes()));
    }

    /// Every part says how long it is, and every list how many it has, so that no two selections read alike.
    fn part(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.hasher.update(bytes);
    }

    fn number(&mut self, number: usize) {
        self.hasher.update(&(number as u64).to_le_bytes());
    }

    fn path(&mut self, path: &[u8], name: &[u8], meta: &Meta) -> Result<(), CopyError> {
        self.part(name);
        self.part(format!("{:?} {:o} {:?}", meta.kind, meta.mode, meta.rdev).as_bytes());
        if self.owner {
            self.part(format!("{}:{}", meta.uid, meta.gid).as_bytes());
        }
        let fingerprint = match meta.kind {
            FileKind::File => {
                let file = open(&self.tree, path)?;
                let attributes = self.attributes(&file).map_err(CopyError::io(path))?;
                let mut content = Hasher::new();
                content.update_reader(&file).map_err(CopyError::io(path))?;
                let content = content.finalize();
                self.part(content.as_bytes());
                attributes ^ short(content.as_bytes())
            }
            FileKind::Symlink => {
                let target = self.tree.root.read_link(path).map_err(CopyError::io(path))?;
                self.part(&target);
                short(blake3::hash(&target).as_bytes())
            }
            FileKind::Dir => {
                let dir = self.tree.root.open_dir(path).map_err(CopyError::io(path))?;
                self.attributes(&dir).map_err(CopyError::io(path))?
            }
            _ => u64::from(meta.rdev.0) << 32 | u64::from(meta.rdev.1),
        };
        self.fingerprints.push(fingerprint);
        Ok(())
    }

    /// Takes the attributes that are copied, and gives their fingerprint: 0 when there are none.
    fn attributes(&mut self, fd: impl AsFd) -> io::Result<u64> {
        let mut kept = Vec::new();
        for key in xattr::list(&fd, b"")? {
            if key == xattr::CAPABILITY || (key.starts_with("user.") && !ours(&key)) {
                kept.extend(xattr::get(&fd, b"", &key)?.map(|value| (key, value)));
            }
        }
        self.number(kept.len());
        let mut fingerprint = 0;
        for (key, value) in kept {
            self.part(key.as_bytes());
            self.part(&value);
            let both = [blake3::hash(key.as_bytes()), blake3::hash(&value)].map(|hash| *hash.as_bytes());
            fingerprint ^= short(blake3::hash(&both.concat()).as_bytes());
        }
        Ok(fingerprint)
    }
}

/// The first bytes of a hash: enough to tell two versions of one file apart, and never used for more.
fn short(hash: &[u8; 32]) -> u64 {
    hash.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Attributes by which overlayfs and this suite keep house.
fn ours(key: &str) -> bool {
    key.starts_with("user.overlay.") || key.starts_with("user.stagepipe.")
}
