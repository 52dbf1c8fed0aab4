//! The changes that the content in a cache key shows.

use crate::case::*;
use libcopy::{Difference, Listing, Memory, Selection, Tree};
use libtree::{Owners, Root};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

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
fn a_digest_is_the_same_whether_contents_are_read_or_remembered() {
    let files: Vec<String> = (0..300).map(|n| format!("d/{}/{n}", n % 7)).collect();
    let mut case = Case::new(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let later = SystemTime::now() + Duration::from_secs(10);
    let digests = |case: &mut Case| {
        let read = {
            case.memory = None;
            case.copy(&["d"], "/to").unwrap()
        };
        let known = case.memory.replace(Memory::new(b"", later));
        assert!(known.is_none());
        let learned = case.copy(&["d"], "/to").unwrap();
        let written = case.memory.as_ref().unwrap().write(b"");
        case.memory = Some(Memory::new(&written, later));
        let remembered = case.copy(&["d"], "/to").unwrap();
        assert!(!case.memory.as_ref().unwrap().has_news(), "all of it was known");
        assert_eq!((&read, &read), (&learned, &remembered));
        read
    };
    let first = digests(&mut case);
    // The memory from before, and a file that has since changed with the same size and time.
    fs::write(case.from("d/3/10"), "D/3/10").unwrap();
    let changed = case.copy(&["d"], "/to").unwrap();
    assert_ne!(first, changed);
    assert_eq!(changed, digests(&mut case));
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
            let tree = Tree { root: &from, ignore: None, local: true, memory: None };
            let request = request(&[source]);
            let selection = Selection::new(tree, &request).unwrap();
            // In some kernels change times have steps of a few milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(20));
            change(&case.from("d/x"));
            assert!(selection.write(&to, b"/to/").is_err(), "change {at} of {source}");
        }
    }
}

#[test]
fn listings_name_the_path_that_made_another_digest() {
    let listing = |change: &dyn Fn(&Case)| {
        let case = Case::new(&["d/x", "d/sub/y", "d/z", "one.txt"]);
        symlink("x", case.from("d/link")).unwrap();
        change(&case);
        let root = Root::open(&case.dir.path().join("from"), Owners::Recorded).unwrap();
        let tree = Tree { root: &root, ignore: None, local: true, memory: None };
        let request = request(&["d", "*.txt"]);
        let selection = Selection::new(tree, &request).unwrap();
        assert_eq!(selection.roots()[..2], [&b""[..], b"d"]);
        Listing::parse(&selection.listing()).unwrap()
    };
    let first = listing(&|_| {});
    let tell = |change: &dyn Fn(&Case)| {
        let changed = listing(change);
        let told = changed.first_difference(&first);
        told.map(|(source, path, how, count)| {
            (source, String::from_utf8_lossy(path).into_owned(), how, count)
        })
    };
    let mode = |mode| {
        move |case: &Case| fs::set_permissions(case.from("d/x"), PermissionsExt::from_mode(mode)).unwrap()
    };
    let told = |source, path: &str, how, count| Some((source, path.to_owned(), how, count));
    assert_eq!(tell(&|case| age(&case.from("d/x"))), None);
    assert_eq!(
        tell(&|case| fs::write(case.from("d/sub/y"), "Y").unwrap()),
        told(1, "sub/y", Difference::Content, 1)
    );
    assert_eq!(tell(&|case| fs::write(case.from("d/a"), "").unwrap()), told(1, "a", Difference::New, 1));
    assert_eq!(
        tell(&|case| fs::remove_dir_all(case.from("d/sub")).unwrap()),
        told(1, "sub", Difference::Gone, 2)
    );
    assert_eq!(
        tell(&|case| fs::rename(case.from("d/z"), case.from("d/link")).unwrap()),
        told(1, "link", Difference::Kind, 2)
    );
    assert_eq!(
        tell(&|case| fs::write(case.from("a.txt"), "").unwrap()),
        told(0, "a.txt", Difference::New, 1)
    );
    let was = fs::metadata(Case::new(&["d/x"]).from("d/x")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(tell(&mode(0o604)), told(1, "x", Difference::Mode(was, 0o604), 1));
}
