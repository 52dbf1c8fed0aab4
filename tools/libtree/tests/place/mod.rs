//! A place to extract archives in, with a check that nothing beside it changes.

use crate::craft::END;
use libtree::extract::{ExtractError, Form, Options, Stats, extract};
use libtree::tar::Reader;
use libtree::{Owners, Root};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

/// A root to extract into, beside a directory that nothing may touch.
pub struct Place {
    pub dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::create_dir(dir.path().join("victim")).unwrap();
        fs::write(dir.path().join("victim/f"), "untouched").unwrap();
        fs::set_permissions(dir.path().join("victim"), PermissionsExt::from_mode(0o711)).unwrap();
        Self { dir }
    }

    pub fn victim(&self) -> String {
        self.dir.path().join("victim").to_str().unwrap().to_owned()
    }

    pub fn root(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path)
    }

    pub fn extract(&self, parts: &[Vec<u8>], form: Form) -> Result<Stats, ExtractError> {
        let mut bytes = parts.concat();
        bytes.extend_from_slice(END);
        let root = Root::open(&self.root(""), Owners::Real).unwrap();
        let owner = Some((rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()));
        let result = extract(&mut Reader::new(&bytes[..]), &root, Options { form, owner });
        let victim = fs::metadata(self.victim()).unwrap();
        assert_eq!(victim.mode() & 0o7777, 0o711);
        assert_eq!(fs::read_dir(self.victim()).unwrap().count(), 1);
        assert_eq!(fs::read(self.dir.path().join("victim/f")).unwrap(), b"untouched");
        result
    }

    pub fn layer(&self, parts: &[Vec<u8>]) -> Result<Stats, ExtractError> {
        self.extract(parts, Form::Layer)
    }
}

#[track_caller]
pub fn refused(parts: &[Vec<u8>]) {
    let place = Place::new();
    let result = place.layer(parts);
    assert!(result.is_err(), "accepted: {result:?}");
}
