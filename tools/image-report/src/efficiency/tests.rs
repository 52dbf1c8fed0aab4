//! Scores worked out by hand, by dive's rules.

use super::*;
use crate::tests::{Line, read};

const TEN: &str = "0123456789";

/// The least and the sum of the bytes at all paths, and those that dive calls wasted.
fn figures(layers: &[&[Line]]) -> (u64, u64, u64) {
    let mut efficiency = Efficiency::default();
    for lines in layers {
        assert!(efficiency.follow(&read(lines)));
    }
    let sum = |part: fn(&Seen) -> u64| efficiency.seen.iter().map(part).sum();
    let (least, total): (u64, u64) = (sum(|seen| seen.least), sum(|seen| seen.total));
    assert_eq!(efficiency.score(), if total == 0 { 1.0 } else { least as f64 / total as f64 });
    (least, total, efficiency.wasted())
}

#[test]
fn a_file_stored_twice_is_wasted() {
    let first: &[_] = &[("dir", "d", ""), ("file", "d/a", TEN), ("file", "b", "01234")];
    assert_eq!(figures(&[first, &[("dir", "d", ""), ("file", "d/a", "01234")]]), (10, 20, 15));
    assert_eq!(figures(&[&[]]), (0, 0, 0));
}

#[test]
fn of_two_entries_with_one_path_the_last_counts() {
    assert_eq!(figures(&[&[("file", "a", TEN), ("file", "a", "01")]]), (2, 2, 0));
}

#[test]
fn a_whiteout_counts_the_files_of_a_directory_and_nothing_for_a_file() {
    let first: &[_] = &[("dir", "d", ""), ("file", "d/x", TEN), ("file", "d/y", "01234"), ("file", "f", TEN)];
    assert_eq!(figures(&[first, &[("file", ".wh.d", "")]]), (25 + 15, 25 + 15, 0));
    assert_eq!(figures(&[first, &[("file", ".wh.f", "")]]), (15, 25, 10));
    // What d has is x and y; removed twice, with less in it the second time.
    let again: &[_] = &[("file", ".wh.d", ""), ("dir", "d", ""), ("file", "d/z", "0123")];
    assert_eq!(figures(&[first, again, &[("file", ".wh.d", "")]]), (25 + 4 + 4, 25 + 4 + 15 + 4, 19));
}

#[test]
fn an_opaque_directory_is_a_leaf_and_hides_nothing() {
    let first: &[_] = &[("dir", "d", ""), ("file", "d/x", TEN)];
    let opaque: &[_] = &[("dir", "d", ""), ("file", "d/.wh..wh..opq", "")];
    assert_eq!(figures(&[first, opaque, &[("file", ".wh.d", "")]]), (10, 20, 10));
}

#[test]
fn a_directory_without_an_entry_is_none_any_more() {
    let first: &[_] = &[("dir", "d", ""), ("file", "d/x", TEN)];
    assert_eq!(figures(&[first, &[("file", "d/y", "01234")], &[("file", ".wh.d", "")]]), (15, 15, 0));
}

#[test]
fn a_whiteout_of_nothing_ends_its_layer() {
    let second: &[_] = &[("file", "b", "01234"), ("file", "-a", "012"), ("file", ".wh.none", "")];
    // b comes after the whiteout, by name, and -a before it.
    assert_eq!(figures(&[&[("file", "a", TEN)], second, &[("file", "b", "01")]]), (15, 15, 0));
}

#[test]
fn links_are_not_followed() {
    let first: &[_] = &[
        ("dir", "usr/lib", ""),
        ("file", "usr/lib/x", TEN),
        ("symlink", "lib", "usr/lib"),
        ("link", "h", "lib"),
    ];
    assert_eq!(figures(&[first, &[("file", "lib/x", "0123")]]), (14, 14, 0));
}

#[test]
fn a_whiteout_and_a_new_entry_of_a_name_go_by_name() {
    let layers = |whiteout, dir, old, new| {
        let first = [("dir", dir, ""), ("file", old, TEN)];
        let second = [("file", whiteout, ""), ("dir", dir, ""), ("file", new, "0123")];
        figures(&[&first, &second, &[("file", whiteout, ""), ("file", "z", "01234")]])
    };
    // ".wh.d" comes before "d", so the new directory stays, and is removed by the third layer.
    assert_eq!(layers(".wh.d", "d", "d/x", "d/y"), (10 + 4 + 4 + 5, 10 + 4 + 14 + 5, 14));
    // ".wh..a" comes after ".a": then there is nothing left for the third.
    assert_eq!(layers(".wh..a", ".a", ".a/x", ".a/y"), (24, 24, 0));
}
