//! What a layer names of a change, on plain directories: no mount, no store.

use layer_diff::{DiffError, Trees, diff};
use libtree::{Owners, Root};
use libwire::changes::{Change, Kind};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

const OPAQUE: &str = "user.overlay.opaque";

struct Pair(tempfile::TempDir);

impl Pair {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("new")).unwrap();
        fs::create_dir(dir.path().join("old")).unwrap();
        for side in ["new", "old"] {
            fs::set_permissions(dir.path().join(side), PermissionsExt::from_mode(0o755)).unwrap();
        }
        Self(dir)
    }

    fn file(&self, path: &str, text: &str, mtime: u64) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        set_time(&path, mtime);
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn diff(&self, whole: bool) -> Result<Vec<String>, DiffError> {
        let trees = Trees {
            upper: Root::open(&self.path("new"), Owners::Real).unwrap(),
            lower: Some(Root::open(&self.path("old"), Owners::Real).unwrap()),
            opaque: OPAQUE,
            whole,
        };
        let mut seen = Vec::new();
        diff(&trees, &mut |change| {
            seen.push(brief(&change));
            Ok(())
        })?;
        Ok(seen)
    }
}

fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

fn brief(change: &Change) -> String {
    match change {
        Change::Delete { path } => format!("-{}", path.display()),
        Change::Put(put) => match &put.kind {
            Kind::Dir { .. } => format!("{}/", put.path.display()),
            Kind::Hardlink { target } => {
                format!("{}={}", put.path.display(), String::from_utf8_lossy(&target.0))
            }
            Kind::Symlink { target } => {
                format!("{}>{}", put.path.display(), String::from_utf8_lossy(&target.0))
            }
            _ => put.path.display().into_owned(),
        },
    }
}

#[test]
fn a_new_file_brings_its_parents_and_nothing_else() {
    let pair = Pair::new();
    pair.file("old/a/b/same", "x", 1);
    pair.file("new/a/b/new", "x", 1);
    pair.file("new/a-/y", "x", 1);
    pair.file("old/a-/y", "x", 1);
    assert_eq!(pair.diff(false).unwrap(), ["a/", "a/b/", "a/b/new"]);
}

#[test]
fn a_rewrite_of_the_same_bytes_in_the_same_second_is_nothing() {
    let pair = Pair::new();
    pair.file("old/f", "same", 7);
    pair.file("new/f", "same", 7);
    assert!(pair.diff(false).unwrap().is_empty());
}

#[test]
fn other_bytes_of_the_same_size_and_time_are_a_change() {
    let pair = Pair::new();
    pair.file("old/f", "same", 7);
    pair.file("new/f", "sama", 7);
    assert_eq!(pair.diff(false).unwrap(), ["f"]);
}

#[test]
fn a_touch_is_a_change_of_a_file_but_not_of_a_directory() {
    let pair = Pair::new();
    pair.file("old/d/f", "same", 7);
    pair.file("new/d/f", "same", 8);
    fs::create_dir_all(pair.path("old/e")).unwrap();
    fs::create_dir_all(pair.path("new/e")).unwrap();
    set_time(&pair.path("new/e"), 9);
    assert_eq!(pair.diff(false).unwrap(), ["d/", "d/f"]);
}

#[test]
fn a_chmod_of_a_directory_is_the_directory_alone() {
    let pair = Pair::new();
    fs::create_dir_all(pair.path("old/e")).unwrap();
    fs::create_dir_all(pair.path("new/e")).unwrap();
    fs::set_permissions(pair.path("new/e"), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(pair.diff(false).unwrap(), ["e/"]);
}

#[test]
fn hard_links_name_the_first_path() {
    let pair = Pair::new();
    pair.file("new/b", "x", 1);
    fs::hard_link(pair.path("new/b"), pair.path("new/a")).unwrap();
    assert_eq!(pair.diff(false).unwrap(), ["a", "b=a"]);
}

#[test]
fn a_name_that_means_deletion_in_a_layer_is_refused() {
    let pair = Pair::new();
    pair.file("new/d/.wh.x", "x", 1);
    assert!(matches!(pair.diff(false), Err(DiffError::WhiteoutName(name)) if name == "d/.wh.x"));
}

#[test]
fn whole_trees_report_what_is_gone_sorted_with_the_rest() {
    let pair = Pair::new();
    pair.file("old/a/gone", "x", 1);
    pair.file("old/b/deep/gone", "x", 1);
    pair.file("old/c", "x", 1);
    fs::create_dir_all(pair.path("new/a")).unwrap();
    pair.file("new/aa", "x", 1);
    symlink("elsewhere", pair.path("new/c")).unwrap();
    assert_eq!(pair.diff(true).unwrap(), ["a/", "-a/gone", "aa", "-b", "c>elsewhere"]);
}

#[test]
fn sockets_are_left_out() {
    let pair = Pair::new();
    let _socket = std::os::unix::net::UnixListener::bind(pair.path("new/s")).unwrap();
    assert!(pair.diff(false).unwrap().is_empty());
}
