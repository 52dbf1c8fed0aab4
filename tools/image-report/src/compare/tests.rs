//! Comparisons of the images in these tests.

use super::comparison::Comparison;
use super::files::{Group, Owner, Sum};
use super::{Side, compare, text};
use libimage::fixtures::{Line, image};

const STATUS: &str = "Package: gcc\nStatus: install ok installed\nVersion: 12\n";

const BASE: &[Line] =
    &[("dir", "usr", ""), ("dir", "usr/bin", ""), ("file", "usr/bin/sh", "12345"), ("file", "etc", "e")];

fn of(a: &[&[Line]], b: &[&[Line]]) -> Comparison {
    let ((a_report, a_ledger), (b_report, b_ledger)) = (image(a), image(b));
    compare(Side { image: &a_report, ledger: &a_ledger }, Side { image: &b_report, ledger: &b_ledger })
}

fn groups(groups: &[Group]) -> Vec<(String, u64, u64)> {
    groups.iter().map(|group| (super::explain::name(group), group.sum.files, group.sum.bytes)).collect()
}

#[test]
fn files_of_one_image_are_told_by_package_or_the_topmost_directory_it_alone_has() {
    let tools: &[Line] = &[
        ("file", "var/lib/dpkg/status", STATUS),
        ("file", "var/lib/dpkg/info/gcc.list", "/usr/bin/gcc\n"),
        ("file", "usr/bin/gcc", "1234567890"),
        ("file", "usr/bin/own", "123"),
        ("file", "src/deep/a.c", "ab"),
        ("link", "src/b.c", "src/deep/a.c"),
    ];
    let found = of(&[BASE, tools], &[BASE]);
    let records = (STATUS.len() + "/usr/bin/gcc\n".len()) as u64;
    assert_eq!(
        groups(&found.files.only_a),
        [
            ("/var".into(), 2, records),
            ("gcc".into(), 1, 10),
            ("/usr/bin/own".into(), 1, 3),
            ("/src".into(), 2, 2),
        ]
    );
    assert_eq!(groups(&found.files.only_b), []);
    assert_eq!((found.files.same.files, found.files.same.bytes, found.files.differ), (2, 6, 0));
    let not =
        format!("It lacks: the package gcc (10 B), /var ({records} B), /usr/bin/own (3 B), /src (2 B).");
    assert_eq!(found.explanation[1..], [not, "It also has: nothing.".into()]);
}

#[test]
fn many_packages_are_a_number_and_the_largest_of_them() {
    let group = |name: &str, bytes| Group {
        owner: Owner::Package {
            package: name.into(),
            version: "1".into(),
            manager: libimage::packages::Manager::Dpkg,
        },
        sum: Sum { files: 1, bytes },
    };
    let mut found = of(&[BASE], &[BASE]);
    found.files.only_a = ["a", "b", "c", "d", "e"].map(|name| group(name, 10)).into();
    assert_eq!(super::explain::explain(&found)[1], "It lacks: 5 packages of 50 B (a, b, c, d, ...).");
}

#[test]
fn files_of_both_are_the_same_or_differ_in_content_or_metadata() {
    let a: &[Line] =
        &[("file", "same", "1"), ("file", "content", "12"), ("file", "meta", "3"), ("symlink", "l", "x")];
    let b: &[Line] =
        &[("file", "same", "1"), ("file", "content", "1"), ("private", "meta", "3"), ("symlink", "l", "y")];
    let found = of(&[a], &[b]);
    let differing: Vec<_> =
        found.files.differing.iter().map(|f| (f.path.display(), f.a, f.b, f.metadata)).collect();
    let wanted = [("content".into(), 2, 1, false), ("l".into(), 0, 0, false), ("meta".into(), 1, 1, true)];
    assert_eq!(differing, wanted);
    assert_eq!(
        (found.files.same.files, found.files.differ, found.files.differ_a, found.files.differ_b),
        (1, 3, 3, 2)
    );
}

#[test]
fn a_file_in_place_of_a_directory_is_in_one_and_what_was_in_it_in_the_other() {
    let found = of(&[&[("dir", "d", ""), ("file", "d/x", "1")]], &[&[("file", "d", "12")]]);
    assert_eq!(
        (groups(&found.files.only_a), groups(&found.files.only_b)),
        (vec![("/d/x".into(), 1, 1)], vec![("/d".into(), 1, 2)])
    );
}

#[test]
fn layers_that_both_have_stand_in_one_row() {
    let (x, y, z): (&[Line], &[Line], &[Line]) =
        (&[("file", "x", "1")], &[("file", "y", "2")], &[("file", "z", "3")]);
    let rows = |found: &Comparison| found.layers.iter().map(|row| (row.a, row.b)).collect::<Vec<_>>();
    assert_eq!(
        rows(&of(&[BASE, x], &[BASE, y, z])),
        [(Some(1), Some(1)), (Some(2), None), (None, Some(2)), (None, Some(3))]
    );
    // In another order, and twice.
    let crossed = of(&[x, y], &[y, x, x]);
    assert_eq!(rows(&crossed), [(Some(1), Some(2)), (Some(2), Some(1)), (None, Some(3))]);
    assert!(crossed.layers[0].same_blob);
    assert_eq!(rows(&of(&[y], &[x, y])), [(None, Some(1)), (Some(1), Some(2))]);
}

#[test]
fn an_image_is_as_large_as_itself_and_has_nothing_besides() {
    let found = of(&[BASE], &[BASE]);
    assert!(found.explanation[0].starts_with("app is as large as app: "), "{}", found.explanation[0]);
    assert_eq!(found.explanation[1..], ["It lacks: nothing.", "It also has: nothing."]);
    let mut out = Vec::new();
    text::write(&found, None, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("\n1  1 ") && !out.contains("Only in"), "{out}");
}

#[test]
fn names_of_files_and_packages_are_cleaned() {
    let found = of(&[&[("file", "a\x1b[2J/x", "1")]], &[&[("file", "b", "1")]]);
    let mut out = Vec::new();
    text::write(&found, None, &mut out).unwrap();
    assert!(!out.contains(&0x1b));
}
