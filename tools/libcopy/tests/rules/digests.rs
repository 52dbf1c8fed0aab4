//! What the content part of a cache key tells.

use crate::case::*;
use libcopy::{Selection, Tree};
use libtree::{Owners, Root};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

#[test]
fn the_digest_tells_contents_modes_and_names_but_not_times() {
    let digest = |change: &dyn Fn(&Case)| {
        let case = Case::new(&["d/x", "d/e/"]);
        change(&case);
        case.copy(&["d"], "/to").unwrap()
    };
    let first = digest(&|_| {});
    assert_eq!(first, digest(&|case| age(&case.from("d/x"))));
    assert_eq!(first, digest(&|case| fs::write(case.from("other"), "").unwrap()));
    assert_ne!(first, digest(&|case| fs::write(case.from("d/x"), "D/x").unwrap()));
    assert_ne!(first, digest(&|case| fs::create_dir(case.from("d/f")).unwrap()));
    assert_ne!(first, digest(&|case| fs::rename(case.from("d/x"), case.from("d/y")).unwrap()));
    assert_ne!(
        first,
        digest(&|case| fs::set_permissions(case.from("d/x"), PermissionsExt::from_mode(0o600)).unwrap())
    );
}

#[test]
fn the_digest_tells_names_a_pattern_found_but_not_the_requests_own() {
    let digest = |file: &str, source: &str| Case::new(&[]).with(file, "x").copy(&[source], "/to/").unwrap();
    assert_eq!(digest("a", "a"), digest("b", "b"));
    assert_ne!(digest("a", "*"), digest("b", "*"));
}

#[test]
fn what_changes_after_it_was_selected_is_refused() {
    let changes: [&dyn Fn(&Path); 4] = [
        &|file| fs::write(file, "y").unwrap(),
        &|file| {
            fs::rename(file, file.with_extension("old")).unwrap();
            fs::write(file, "x").unwrap();
        },
        &|file| {
            fs::write(file, "y").unwrap();
            age(file);
        },
        &|file| {
            fs::remove_file(file).unwrap();
            symlink("/etc/passwd", file).unwrap();
        },
    ];
    for (at, change) in changes.iter().enumerate() {
        for source in ["d", "d/x"] {
            let case = Case::new(&["d/"]).with("d/x", "x");
            age(&case.from("d/x"));
            let root = |name: &str| Root::open(&case.dir.path().join(name), Owners::Recorded).unwrap();
            let (from, to) = (root("from"), root("to"));
            let tree = Tree { root: &from, ignore: None, local: true };
            let request = request(&[source]);
            let selection = Selection::new(tree, &request).unwrap();
            // Some kernels' change times have steps of a few milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(20));
            change(&case.from("d/x"));
            assert!(selection.write(&to, b"/to/").is_err(), "change {at} of {source}");
        }
    }
}
