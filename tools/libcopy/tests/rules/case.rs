//! A source, a destination, and functions that look at them.

use libcopy::{CopyError, Memory, Request, Selection, Tree};
use libpattern::{IgnoreFile, Matcher};
use libtree::{Owners, Root};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(crate) const NOW: i64 = 1_000_000;
pub(crate) const OLD: i64 = 500_000;

/// A source and a destination.
pub(crate) struct Case {
    pub dir: tempfile::TempDir,
    ignore: Option<Matcher>,
    local: bool,
    /// The remembered contents of the source's files.
    pub memory: Option<Memory>,
}

impl Case {
    /// A case with these files in the source. A name that ends in a slash is a directory.
    pub fn new(files: &[&str]) -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap(), ignore: None, local: true, memory: None };
        fs::create_dir(case.dir.path().join("to")).unwrap();
        fs::create_dir(case.dir.path().join("from")).unwrap();
        for file in files {
            let path = case.from(file);
            match file.strip_suffix('/') {
                Some(_) => fs::create_dir_all(&path).unwrap(),
                None => {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(&path, file).unwrap();
                }
            }
        }
        case
    }

    /// Adds a file to the source.
    pub fn with(self, file: &str, content: &str) -> Self {
        fs::write(self.from(file), content).unwrap();
        self
    }

    pub fn ignore(mut self, text: &str) -> Self {
        self.ignore = Some(IgnoreFile::parse(text).matcher().unwrap());
        self
    }

    /// Makes the source a stage's tree instead of the caller's directory.
    pub fn stage(mut self) -> Self {
        self.local = false;
        self
    }

    pub fn from(&self, path: &str) -> PathBuf {
        self.dir.path().join("from").join(path)
    }

    pub fn to(&self, path: &str) -> PathBuf {
        self.dir.path().join("to").join(path)
    }

    pub fn request(&self, request: &Request, target: &str) -> Result<String, CopyError> {
        let root = |name: &str| Root::open(&self.dir.path().join(name), Owners::Recorded).unwrap();
        let (from, to) = (root("from"), root("to"));
        let tree = Tree {
            root: &from,
            ignore: self.ignore.as_ref(),
            local: self.local,
            memory: self.memory.as_ref(),
        };
        let selection = Selection::new(tree, request)?;
        selection.write(&to, target.as_bytes())?;
        Ok(selection.digest().to_owned())
    }

    pub fn copy(&self, sources: &[&str], target: &str) -> Result<String, CopyError> {
        self.request(&request(sources), target)
    }

    /// Every path of the destination, directories with a slash.
    pub fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.to(""), "", &mut found);
        found
    }
}

fn list(dir: &Path, prefix: &str, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => {
                found.push(format!("{name}/"));
                list(&entry.path(), &format!("{name}/"), found);
            }
            false => found.push(name),
        }
    }
}

pub(crate) fn request(sources: &[&str]) -> Request {
    Request {
        sources: sources.iter().map(|source| (*source).into()).collect(),
        now: (NOW, 0),
        ..Request::default()
    }
}

pub(crate) fn age(path: &Path) {
    let dir = fs::File::open(path.parent().unwrap()).unwrap();
    let name = path.file_name().unwrap();
    libtree::extract::set_time(&dir, name.as_encoded_bytes(), (OLD, 0)).unwrap();
}

/// Whether this process can give files any owner; tests that need it pass without it.
pub(crate) fn is_root() -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::chown(file.path(), Some(12), Some(34)).is_ok()
}

pub(crate) fn owner(path: &Path) -> (u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid())
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}
