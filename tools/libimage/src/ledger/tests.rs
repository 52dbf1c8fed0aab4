//! Ledgers of the layers in these tests.

use super::{Fate, Inode, Ledger};
use crate::fixtures::ledger;

/// Hidden contents as `path payer hider fate`, in the order of the layers.
fn hidden(ledger: &Ledger) -> Vec<(String, u16, u16, Fate)> {
    let gone = |inode: &Inode| {
        let path = String::from_utf8(ledger.places.path(inode.place)).unwrap();
        inode.gone.map(|(by, fate)| (path, inode.layer, by, fate))
    };
    ledger.inodes.iter().filter_map(gone).collect()
}

#[test]
fn each_way_to_hide_a_file_is_told() {
    let first: &[_] = &[
        ("file", "deleted", "1"),
        ("file", "over", "2"),
        ("file", "meta", "3"),
        ("file", "same", "4"),
        ("dir", "d", ""),
        ("file", "d/below", "5"),
        ("file", "kept", "6"),
    ];
    let second: &[_] = &[
        ("file", ".wh.deleted", ""),
        ("file", "over", "other"),
        ("private", "meta", "3"),
        ("file", "same", "4"),
        ("file", ".wh.d", ""),
    ];
    let told = hidden(&ledger(&[first, second]));
    let gone = |path: &str, fate| (path.to_owned(), 0, 1, fate);
    assert_eq!(
        told,
        [
            gone("deleted", Fate::Deleted),
            gone("over", Fate::Overwritten),
            gone("meta", Fate::Metadata),
            gone("same", Fate::Unchanged),
            gone("d/below", Fate::Deleted),
        ]
    );
}

#[test]
fn a_whiteout_spares_what_its_own_layer_puts_whichever_comes_first() {
    let first: &[_] = &[("dir", "d", ""), ("file", "d/old", "1"), ("file", "f", "2")];
    for second in [
        &[("file", ".wh.f", ""), ("file", "d/.wh..wh..opq", ""), ("file", "d/new", "3"), ("file", "f", "4")],
        &[("file", "d/new", "3"), ("file", "f", "4"), ("file", "d/.wh..wh..opq", ""), ("file", ".wh.f", "")],
    ] {
        let ledger = ledger(&[first, second]);
        let paths: Vec<_> = hidden(&ledger).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(paths, ["d/old", "f"]);
        assert!(ledger.visible(ledger.find(b"d/new").unwrap()).is_some());
        assert_eq!(ledger.visible(ledger.find(b"f").unwrap()).unwrap().layer, 1);
    }
}

#[test]
fn content_is_visible_while_one_of_its_names_is() {
    let first: &[_] = &[("file", "a", "content"), ("link", "b", "a")];
    assert_eq!(hidden(&ledger(&[first, &[("file", ".wh.a", "")]])), []);
    let both = ledger(&[first, &[("file", ".wh.a", "")], &[("file", ".wh.b", "")]]);
    assert_eq!(hidden(&both), [("a".into(), 0, 2, Fate::Deleted)]);
}

#[test]
fn a_name_has_the_mode_of_its_file_whatever_its_own_entry_says() {
    let ledger = ledger(&[&[("private", "a", "content"), ("link", "b", "a")]]);
    assert_eq!(ledger.visible(ledger.find(b"b").unwrap()).unwrap().mode, 0o600);
}

#[test]
fn a_symbolic_link_that_leads_elsewhere_is_overwritten() {
    let first: &[_] = &[("symlink", "turned", "/a"), ("symlink", "same", "/a")];
    let ledger = ledger(&[first, &[("symlink", "turned", "/b"), ("symlink", "same", "/a")]]);
    let fate = |path: &[u8]| ledger.puts_at(ledger.find(path).unwrap()).last().unwrap().gone;
    assert_eq!(fate(b"turned"), Some((1, Fate::Overwritten)));
    assert_eq!(fate(b"same"), Some((1, Fate::Unchanged)));
}

#[test]
fn an_entry_behind_a_link_is_where_the_link_leads() {
    let first: &[_] = &[
        ("dir", "usr", ""),
        ("dir", "usr/lib", ""),
        ("symlink", "lib", "/usr/lib"),
        ("file", "usr/lib/x", "1"),
    ];
    let ledger = ledger(&[first, &[("file", "lib/x", "2")]]);
    assert_eq!(hidden(&ledger), [("usr/lib/x".into(), 0, 1, Fate::Overwritten)]);
    assert_eq!(ledger.find(b"lib/x"), ledger.find(b"usr/lib/x"));
}

#[test]
fn a_file_in_place_of_a_directory_hides_all_below() {
    let first: &[_] = &[("dir", "d", ""), ("file", "d/x", "1")];
    let ledger = ledger(&[first, &[("file", "d", "now a file")]]);
    assert_eq!(hidden(&ledger), [("d/x".into(), 0, 1, Fate::Overwritten)]);
}

#[test]
fn a_file_is_its_packages_also_behind_a_link() {
    let first: &[_] = &[
        ("dir", "usr", ""),
        ("symlink", "lib", "usr/lib"),
        ("file", "usr/lib/x.so", "1"),
        ("file", "var/lib/dpkg/status", "Package: x\nVersion: 1\n"),
        ("file", "./var/lib/dpkg/info/x:amd64.list", "/.\n/usr\n/lib/x.so\n/not/there\n"),
    ];
    let second: &[_] = &[
        ("file", "var/lib/dpkg/status", ""),
        ("file", "lib/apk/db/installed", "P:y\nF:usr/lib\nR:y\n"),
        ("file", "usr/lib/y", "2"),
    ];
    let ledger = ledger(&[first, second]);
    let owner = |path: &[u8]| ledger.packages.owner(ledger.find(path).unwrap()).map(|p| (&*p.name, p.gone));
    assert_eq!(owner(b"usr/lib/x.so"), Some(("x", Some(1))));
    assert_eq!(owner(b"usr/lib/y"), Some(("y", None)));
    assert_eq!(owner(b"usr"), None);
}
