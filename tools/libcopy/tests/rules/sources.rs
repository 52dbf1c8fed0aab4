//! The meaning of sources.

use crate::case::*;
use libcopy::{CopyError, Request};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

#[test]
fn sources_are_clamped_to_their_root_and_destinations_too() {
    let case = Case::new(&["f"]);
    fs::write(case.dir.path().join("secret"), "").unwrap();
    symlink("../secret", case.from("up")).unwrap();
    symlink("../../..", case.to("out")).unwrap();
    assert!(matches!(case.copy(&["up"], "/x"), Err(CopyError::NotFound { .. })));
    case.copy(&["../../f"], "/out/../../y").unwrap();
    assert_eq!(case.tree(), ["out", "y"]);
}

#[test]
fn a_missing_name_is_an_error_and_a_pattern_without_match_is_nothing() {
    let case = Case::new(&["a.txt"]);
    let error = case.copy(&["nope"], "/x/").unwrap_err().to_string();
    assert!(error.starts_with("\"/nope\": not found"), "{error}");
    case.copy(&["*.md"], "/x/").unwrap();
    assert_eq!(case.tree(), [""; 0]);
}

#[test]
fn patterns_match_names_not_paths_and_brackets_can_be_escaped() {
    let case = Case::new(&["a1", "ab", "d/a3", "[x]", "back"]);
    case.copy(&["a?"], "/one/").unwrap();
    case.copy(&["[[]x]"], "/two/").unwrap();
    case.copy(&["*/a*"], "/three/").unwrap();
    assert_eq!(case.tree(), ["one/", "one/a1", "one/ab", "three/", "three/a3", "two/", "two/[x]"]);
}

#[test]
fn a_source_link_is_followed_and_one_in_a_tree_is_kept() {
    let case = Case::new(&["d/x"]);
    symlink("d", case.from("link")).unwrap();
    symlink("x", case.from("d/inner")).unwrap();
    case.copy(&["link"], "/one/").unwrap();
    assert_eq!(case.tree(), ["one/", "one/inner", "one/x"]);
    assert_eq!(fs::read_link(case.to("one/inner")).unwrap(), Path::new("x"));
    symlink("loop", case.from("loop")).unwrap();
    assert!(case.copy(&["loop"], "/x").is_err());
}

#[test]
fn what_is_ignored_is_absent_unless_it_is_called_back() {
    let case = Case::new(&["keep", "secret", "b/a", "b/c/this", "b/c/that", "b-x"]);
    let case = case.ignore("secret\nb\n!b/c/this\n");
    let error = case.copy(&["secret"], "/x").unwrap_err().to_string();
    assert!(error.contains("of the ignore file excludes it"), "{error}");
    case.copy(&["."], "/x").unwrap();
    assert_eq!(case.tree(), ["x/", "x/b/", "x/b/c/", "x/b/c/this", "x/b-x", "x/keep"]);
}

#[test]
fn exclusions_are_relative_to_each_source_and_leave_the_destination() {
    let case = Case::new(&["x/a/f1", "x/a/f2", "x/a/tmp/y", "x/a/d/tmp/z", "x/a/d/k"]);
    case.request(&excluding(&["f1", "**/tmp"], "x/a"), "/one").unwrap();
    case.request(&excluding(&["*"], "x/a"), "/two").unwrap();
    assert_eq!(case.tree(), ["one/", "one/d/", "one/d/k", "one/f2", "two/"]);
}

fn excluding(patterns: &[&str], source: &str) -> Request {
    Request { exclude: patterns.iter().map(|pattern| (*pattern).into()).collect(), ..request(&[source]) }
}

#[test]
fn an_excluded_match_need_not_lead_anywhere() {
    let case = Case::new(&["d/ok", "d/gone-too"]);
    symlink("nothing", case.from("d/gone")).unwrap();
    symlink("loop", case.from("d/loop")).unwrap();
    case.request(&excluding(&["gone", "loop"], "d/*"), "/one/").unwrap();
    case.request(&excluding(&["**/l*", "gon?"], "?/*"), "/two/").unwrap();
    let both = ["one/", "one/gone-too", "one/ok", "two/", "two/gone-too", "two/ok"];
    assert_eq!(case.tree(), both);
    for kept in ["gone", "loop"] {
        let excluded = if kept == "loop" { "gone" } else { "loop" };
        let error = case.request(&excluding(&[excluded], "d/*"), "/x/").unwrap_err();
        assert!(matches!(error, CopyError::NotFound { ref path, .. } if path.ends_with(kept)), "{error}");
    }
}

#[test]
fn a_directory_that_a_pattern_finds_is_excluded_by_its_name() {
    let case = Case::new(&["d/a/x", "d/b/y", "d/b/keep/z", "d/f"]);
    symlink("b", case.from("d/link")).unwrap();
    case.request(&excluding(&["b", "link"], "d/*"), "/one/").unwrap();
    case.request(&excluding(&["*"], "d/*"), "/none/").unwrap();
    case.request(&excluding(&["**", "!keep"], "d/*"), "/two/").unwrap();
    // A directory that is named is the source itself, and not one of its contents.
    case.request(&excluding(&["b"], "d/b"), "/three/").unwrap();
    assert_eq!(
        case.tree(),
        [
            "one/",
            "one/f",
            "one/x",
            "three/",
            "three/keep/",
            "three/keep/z",
            "three/y",
            "two/",
            "two/keep/",
            "two/keep/z"
        ]
    );
}

#[test]
fn parents_keep_the_path_from_the_pivot_on() {
    let case = Case::new(&["a/b/c", "a/b/d", "a/o", "p/x.go", "m.go"]);
    let parents = |source: &str| Request { parents: true, ..request(&[source]) };
    case.request(&parents("a/b/c"), "/one").unwrap();
    case.request(&parents("a/./b"), "/two/").unwrap();
    case.request(&parents("**/*.go"), "/go/").unwrap();
    assert_eq!(
        case.tree(),
        [
            "go/",
            "go/m.go",
            "go/p/",
            "go/p/x.go",
            "one/",
            "one/a/",
            "one/a/b/",
            "one/a/b/c",
            "two/",
            "two/b/",
            "two/b/c",
            "two/b/d"
        ]
    );
    assert!(case.request(&parents("a/nope"), "/x/").unwrap_err().to_string().contains("\"/a/nope\""));
}

#[test]
fn of_two_sources_of_one_name_the_last_wins() {
    let case = Case::new(&["a/x", "b/x", "c/x"]);
    case.copy(&["b/x", "a/x"], "/one/").unwrap();
    case.copy(&["*/x"], "/two/").unwrap();
    assert_eq!(fs::read(case.to("one/x")).unwrap(), b"a/x");
    assert_eq!(fs::read(case.to("two/x")).unwrap(), b"c/x");
}

#[test]
fn an_exclusion_can_be_taken_back() {
    let case = Case::new(&["d/a.txt", "d/keep.txt", "d/sub/keep.txt", "d/sub/b.txt", "d/other/c.txt"]);
    let exclude = ["**/*.txt", "sub", "other", "!keep.txt", "!sub/keep.txt"];
    case.request(&excluding(&exclude, "d"), "/x").unwrap();
    assert_eq!(case.tree(), ["x/", "x/keep.txt", "x/sub/", "x/sub/keep.txt"]);
}

fn parents(source: &str) -> Request {
    Request { parents: true, ..request(&[source]) }
}

#[test]
fn parents_of_everything_is_everything() {
    for source in [".", "/", "./", "./."] {
        let case = Case::new(&["a/b", "c"]);
        case.request(&parents(source), "/x/").unwrap();
        assert_eq!(case.tree(), ["x/", "x/a/", "x/a/b", "x/c"], "{source}");
    }
}

#[test]
fn parents_are_no_links_and_the_message_says_where_it_is() {
    let case = Case::new(&["real/deep/x"]);
    symlink("real", case.from("link")).unwrap();
    symlink("deep/x", case.from("real/last")).unwrap();
    for source in ["link/deep", "link/deep/x", "./link/deep"] {
        let error = case.request(&parents(source), "/o/").unwrap_err().to_string();
        assert!(error.contains("not found") && error.contains("name /real/deep"), "{error}");
    }
    // A link before the pivot is followed; one at the end is copied.
    case.request(&parents("link/./deep"), "/o/").unwrap();
    case.request(&parents("real/last"), "/o/").unwrap();
    assert_eq!(case.tree(), ["o/", "o/deep/", "o/deep/x", "o/real/", "o/real/last"]);
}

#[test]
fn the_directory_before_the_pivot_can_be_a_pattern() {
    let case = Case::new(&["a1/src/x", "a2/src/y", "a2/z", "a3", "b/src/w"]);
    case.request(&parents("a*/./src"), "/o/").unwrap();
    assert_eq!(case.tree(), ["o/", "o/src/", "o/src/x", "o/src/y"]);
    assert!(case.request(&parents("b/./nope"), "/o/").is_err());
}

#[test]
fn a_name_with_escapes_is_no_pattern() {
    let case = Case::new(&["d/[x]", "d/*", "d/ab"]);
    case.copy(&[r"d/\*"], "/one/").unwrap();
    case.request(&parents(r"d/\[x]"), "/two/").unwrap();
    assert_eq!(case.tree(), ["one/", "one/*", "two/", "two/d/", "two/d/[x]"]);
}

#[test]
fn names_that_are_not_utf8_are_names() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let case = Case::new(&["d/"]).ignore("nothing");
    fs::write(case.from("d").join(name), "").unwrap();
    case.copy(&["d"], "/one/").unwrap();
    case.copy(&["d/caf?"], "/two/").unwrap();
    assert!(case.to("one").join(name).exists() && case.to("two").join(name).exists());
}
