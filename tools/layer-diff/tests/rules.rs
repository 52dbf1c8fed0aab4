//! The changes that a layer lists, on plain directories: no mount, no store.

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

/// Makes overlayfs's whiteout. Returns false if the system does not allow it to an ordinary user.
fn whiteout(path: &Path) -> bool {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let made = mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0);
    assert!(made.is_ok() || !rustix::process::geteuid().is_root(), "root makes it anywhere: {made:?}");
    made.is_ok()
}

#[test]
fn a_whiteout_is_a_deletion_of_what_was_there() {
    let pair = Pair::new();
    pair.file("old/d/gone", "x", 1);
    fs::create_dir_all(pair.path("new/d")).unwrap();
    if !whiteout(&pair.path("new/d/gone")) || !whiteout(&pair.path("new/d/never")) {
        return;
    }
    assert_eq!(pair.diff(false).unwrap(), ["d/", "-d/gone"]);
}

#[test]
fn a_replaced_directory_deletes_child_by_child() {
    let pair = Pair::new();
    for name in ["old/d/a", "old/d/b", "old/d/sub/c", "new/d/b", "new/d/new"] {
        pair.file(name, name, 1);
    }
    let fd = fs::File::open(pair.path("new/d")).unwrap();
    if libtree::xattr::set(&fd, b"", OPAQUE, b"y").is_err() {
        return;
    }
    assert_eq!(pair.diff(false).unwrap(), ["d/", "-d/a", "d/b", "d/new", "-d/sub"]);
}

#[test]
fn another_kind_replaces_without_a_deletion() {
    let pair = Pair::new();
    pair.file("old/d/f", "x", 1);
    pair.file("old/f", "x", 1);
    pair.file("new/d", "x", 1);
    pair.file("new/f/g", "x", 1);
    assert_eq!(pair.diff(false).unwrap(), ["d", "f/", "f/g"]);
}

#[test]
fn a_new_name_of_an_older_file_is_the_whole_file() {
    let pair = Pair::new();
    pair.file("old/old", "x", 1);
    pair.file("new/old", "x", 1);
    fs::hard_link(pair.path("new/old"), pair.path("new/another")).unwrap();
    fs::hard_link(pair.path("new/old"), pair.path("new/third")).unwrap();
    assert_eq!(pair.diff(false).unwrap(), ["another", "third=another"]);
}

#[test]
fn the_root_is_named_only_when_it_changed() {
    let pair = Pair::new();
    pair.file("new/-x", "x", 1);
    assert_eq!(pair.diff(false).unwrap(), ["-x"]);
    fs::set_permissions(pair.path("new"), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(pair.diff(false).unwrap(), ["./", "-x"]);
}

#[test]
fn a_socket_in_the_place_of_a_file_is_the_file_s_deletion() {
    let pair = Pair::new();
    pair.file("old/s", "x", 1);
    let _socket = std::os::unix::net::UnixListener::bind(pair.path("new/s")).unwrap();
    assert_eq!(pair.diff(false).unwrap(), ["-s"]);
}

#[test]
fn a_stream_is_sorted_whole_and_says_where_the_bytes_are() {
    let pair = Pair::new();
    pair.file("new/a/b", "x", 1);
    fs::set_permissions(pair.path("new/a"), PermissionsExt::from_mode(0o755)).unwrap();
    let trees = Trees {
        upper: Root::open(&pair.path("new"), Owners::Real).unwrap(),
        lower: None,
        opaque: OPAQUE,
        whole: false,
    };
    let out = layer_diff::write_stream(&trees, Path::new("/at"), Some("id"), None, Vec::new()).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let header = r#"{"type":"header","format":"layer-changes","version":2,"root":"/at","snapshot":"id"}"#;
    assert_eq!(lines[0], header);
    assert!(lines[1].starts_with(r#"{"type":"put","path":"a","mode":"0755","#), "{}", lines[1]);
    assert!(lines[2].ends_with(r#","mtime":1,"kind":"file","size":1}"#), "{}", lines[2]);
    let before = libwire::Digest::of(format!("{}\n{}\n{}\n", lines[0], lines[1], lines[2]).as_bytes());
    assert_eq!(lines[3], format!(r#"{{"type":"end","records":2,"digest":"{before}"}}"#));
}

#[test]
fn sockets_are_left_out() {
    let pair = Pair::new();
    let _socket = std::os::unix::net::UnixListener::bind(pair.path("new/s")).unwrap();
    assert!(pair.diff(false).unwrap().is_empty());
}
