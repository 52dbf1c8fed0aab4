//! A digest of everything that determines the result of a selection: the content in a step's cache key. In addition,
//! a short fingerprint of each path, which only shows later which path changed.

use crate::Tree;
use crate::contents::{self, Reader};
use crate::error::CopyError;
use crate::memory::Content;
use crate::selected::{Kind, Selected};
use crate::sources::{Found, below};
use blake3::Hasher;
use libtree::{FileKind, Meta, xattr};

/// The properties of a path other than its content and owner: kind, mode and device number.
type Sort = (FileKind, u32, (u32, u32));

/// How many bytes are hashed at once: each call costs time, and several blocks at once are faster.
const CHUNK: usize = 1 << 14;

pub(crate) struct Digest<'a> {
    hasher: Hasher,
    /// The bytes to hash next.
    text: Vec<u8>,
    /// The sort of the last path, and its text in the digest, because most paths have the same.
    before: (Option<Sort>, String),
    tree: Tree<'a>,
    /// Whether owners are kept.
    owner: bool,
    /// A fingerprint for each path and document, in order.
    fingerprints: Vec<u64>,
    /// Whether no file has capabilities.
    plain: bool,
}

impl<'a> Digest<'a> {
    pub fn new(tree: Tree<'a>, owner: bool) -> Self {
        Self {
            hasher: Hasher::new(),
            text: Vec::with_capacity(2 * CHUNK),
            before: (None, String::new()),
            tree,
            owner: owner && !tree.local,
            fingerprints: Vec::new(),
            plain: true,
        }
    }

    /// The digest, the fingerprints, and whether no file has capabilities.
    pub fn finish(mut self) -> (String, Vec<u64>, bool) {
        self.hasher.update(&self.text);
        (format!("blake3:{}", self.hasher.finalize().to_hex()), self.fingerprints, self.plain)
    }

    pub fn source(&mut self, selected: &Selected) -> Result<(), CopyError> {
        let Found { path, name, meta, matched, .. } = &selected.found;
        // If no pattern found it, the name is in the request.
        let name = if *matched { name.as_slice() } else { b"" };
        match &selected.kind {
            Kind::Dir(members) => {
                self.part(b"directory");
                self.number(members.len());
                let paths: Vec<_> =
                    members.iter().map(|member| (below(path, &member.path), &member.meta)).collect();
                let contents = contents::all(&self.tree, &paths)?;
                self.fingerprints.reserve(members.len());
                for ((member, (whole, meta)), content) in members.iter().zip(&paths).zip(contents) {
                    self.path(whole, &member.path, meta, content)?;
                }
            }
            Kind::File => {
                self.part(b"file");
                let content = Reader::default().one(&self.tree, path, meta)?;
                self.path(path, name, meta, content)?;
            }
            Kind::Archive => {
                self.part(b"archive");
                let content = Reader::default().one(&self.tree, path, meta)?;
                self.path(path, name, meta, content)?;
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

    /// Every part begins with its length, and every list with its number, so that no two selections read the same.
    fn part(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.text.extend_from_slice(bytes);
        if self.text.len() >= CHUNK {
            self.hasher.update(&self.text);
            self.text.clear();
        }
    }

    fn number(&mut self, number: usize) {
        self.text.extend_from_slice(&(number as u64).to_le_bytes());
    }

    fn sort(&mut self, meta: &Meta) {
        let sort @ (kind, mode, rdev) = (meta.kind, meta.mode, meta.rdev);
        let (before, text) = std::mem::take(&mut self.before);
        let text = match before == Some(sort) {
            true => text,
            false => format!("{kind:?} {mode:o} {rdev:?}"),
        };
        self.part(text.as_bytes());
        self.before = (Some(sort), text);
    }

    fn path(
        &mut self,
        path: &[u8],
        name: &[u8],
        meta: &Meta,
        content: Option<Content>,
    ) -> Result<(), CopyError> {
        self.part(name);
        self.sort(meta);
        if self.owner {
            self.part(format!("{}:{}", meta.uid, meta.gid).as_bytes());
        }
        let fingerprint = match (meta.kind, content) {
            (_, Some(content)) => {
                self.part(&content.digest);
                short(&content.digest)
            }
            (FileKind::Symlink, None) => {
                let target = self.tree.root.read_link(path).map_err(CopyError::io(path))?;
                self.part(&target);
                short(blake3::hash(&target).as_bytes())
            }
            (FileKind::Dir, None) => {
                let failed = CopyError::io(path);
                let attributes = self.tree.root.open_dir(path).and_then(|dir| {
                    let keys = xattr::list_of(&dir)?;
                    contents::attributes(&keys, |key| xattr::get_of(&dir, key))
                });
                let attributes = attributes.map_err(failed)?;
                self.part(&attributes);
                short(blake3::hash(&attributes).as_bytes())
            }
            _ => u64::from(meta.rdev.0) << 32 | u64::from(meta.rdev.1),
        };
        self.plain &= content.is_none_or(|content| content.plain);
        self.fingerprints.push(fingerprint);
        Ok(())
    }
}

/// The first bytes of a hash. They only distinguish two versions of one file.
fn short(hash: &[u8; 32]) -> u64 {
    hash.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}
