//! Records of packages as images have them, layer by layer.

use super::*;
use crate::fixtures::{Line, ledger};
use crate::ledger::Ledger;

fn stanza(name: &str, version: &str) -> Stanza {
    Stanza { name: name.into(), version: version.into(), ..Stanza::default() }
}

#[test]
fn a_package_is_of_the_layer_that_brought_its_version_until_one_leaves_it_out() {
    let mut packages = Packages::default();
    packages.installed(Manager::Dpkg, vec![stanza("a", "1"), stanza("b", "1")], 0, true);
    packages.installed(Manager::Dpkg, vec![stanza("a", "1"), stanza("b", "2")], 1, true);
    packages.installed(Manager::Dpkg, vec![stanza("b", "2")], 2, true);
    packages.installed(Manager::Apk, vec![stanza("a", "1")], 3, true);
    let told: Vec<_> = packages.all().iter().map(|p| (&*p.name, p.layer, p.gone)).collect();
    assert_eq!(told, [("a", 0, Some(2)), ("b", 1, None), ("a", 3, None)]);
}

/// All packages that a ledger knows: name, layer, and the layer that removed it.
fn told(ledger: &Ledger) -> Vec<(&str, u16, Option<u16>)> {
    ledger.packages.all().iter().map(|package| (&*package.name, package.layer, package.gone)).collect()
}

fn owner<'a>(ledger: &'a Ledger, path: &str) -> Option<&'a str> {
    let place = ledger.find(path.as_bytes()).unwrap();
    ledger.packages.owner(place).map(|package| package.name.as_str())
}

const MUSL: &str = "C:Q1LOt/fon2IqEdsKHTAqLpewVWGCU=\nP:musl\nV:1.2.5-r10\nA:x86_64\nS:600512\nI:600000\nT:d\nU:u\nL:MIT\nf:S\n\
    F:lib\nM:0:0:755\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q11gJS/vdUOEDfzYFRqpQZBix5dcw=\n\n";
const GCC: &str = "C:Q1ls0ZvmYhtrJfzALcx9pn6SUAKPw=\nP:gcc\nV:14.2.0-r6\nA:x86_64\nD:musl so:libz.so.1\np:cmd:gcc=14.2.0-r6\n\
    F:usr\nF:usr/bin\nR:gcc\nZ:Q1Y7UoEVFHhhAm+/aVbWSRpKx8WOs=\n\n";
/// A package without files, which only `apk add --virtual` makes.
const VIRTUAL: &str = "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:.build-deps\nV:20261124.193206\nA:noarch\nS:0\nI:0\nT:virtual meta package\n\
    U:\nL:\nD:gcc\n\n";

#[test]
fn what_apk_adds_and_removes_is_followed() {
    let (all, musl) = (format!("{MUSL}{VIRTUAL}{GCC}"), MUSL.to_owned());
    let db = "lib/apk/db/installed";
    let base: &[Line] = &[("file", "lib/ld-musl-x86_64.so.1", "1"), ("file", db, &musl)];
    let added: &[Line] = &[("file", "usr/bin/gcc", "12"), ("file", db, &all)];
    let removed: &[Line] = &[("file", "usr/bin/.wh.gcc", ""), ("file", db, &musl)];
    let ledger = ledger(&[base, added, removed]);
    assert_eq!(told(&ledger), [("musl", 0, None), (".build-deps", 1, Some(2)), ("gcc", 1, Some(2))]);
    assert_eq!(owner(&ledger, "lib/ld-musl-x86_64.so.1"), Some("musl"));
    assert_eq!(owner(&ledger, "usr/bin/gcc"), Some("gcc"), "also when it is gone");
    assert_eq!(ledger.packages.all()[2].depends, [["musl"], ["so:libz.so.1"]]);
}

#[test]
fn apks_record_may_be_below_usr_with_a_link_to_it() {
    let wolfi: &[Line] = &[
        ("symlink", "lib", "usr/lib"),
        ("file", "usr/lib/ld-musl-x86_64.so.1", "1"),
        ("file", "usr/lib/apk/db/installed", MUSL),
    ];
    let both = format!("{MUSL}{GCC}");
    let added: &[Line] = &[("file", "usr/bin/gcc", "12"), ("file", "usr/lib/apk/db/installed", &both)];
    let ledger = ledger(&[wolfi, added]);
    assert_eq!(told(&ledger), [("musl", 0, None), ("gcc", 1, None)]);
    assert_eq!(owner(&ledger, "lib/ld-musl-x86_64.so.1"), Some("musl"));
}

/// apko makes a layer for each group of packages, with a record of those, and a layer above with the record of all.
#[test]
fn layers_may_each_have_a_part_of_the_record_below_the_whole() {
    let db = "usr/lib/apk/db/installed";
    let one: &[Line] = &[("file", "lib/ld-musl-x86_64.so.1", "1"), ("file", db, MUSL)];
    let two: &[Line] = &[("file", "usr/bin/gcc", "12"), ("file", db, GCC)];
    let both = format!("{MUSL}{GCC}");
    let top: &[Line] = &[("file", db, &both)];
    let ledger = ledger(&[one, two, top]);
    assert!(told(&ledger).iter().all(|(.., gone)| gone.is_none()), "{:?}", told(&ledger));
    assert_eq!(owner(&ledger, "lib/ld-musl-x86_64.so.1"), Some("musl"));
    assert_eq!(owner(&ledger, "usr/bin/gcc"), Some("gcc"));
}

/// Distroless images have no dpkg, but the data of each package from its archive.
#[test]
fn each_package_may_have_a_record_of_its_own() {
    let control = "Package: libssl3t64\nSource: openssl\nVersion: 3.5.1-1\nArchitecture: amd64\nSection: libs\nDepends: libc6 (>= 2.38)\n\
        Description: x\n y\n";
    let tz: &[Line] = &[
        ("file", "usr/share/zoneinfo/UTC", "1"),
        ("file", "var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2026b\nSection: localization\n"),
        (
            "file",
            "var/lib/dpkg/status.d/tzdata.md5sums",
            "d41d8cd98f00b204e9800998ecf8427e  usr/share/zoneinfo/UTC\n",
        ),
    ];
    let ssl: &[Line] = &[
        ("file", "usr/lib/x86_64-linux-gnu/libssl.so.3", "123"),
        ("file", "var/lib/dpkg/status.d/libssl3t64", control),
        (
            "file",
            "var/lib/dpkg/status.d/libssl3t64.md5sums",
            "0cc175b9c0f1b6a831c399e269772661  usr/lib/x86_64-linux-gnu/libssl.so.3\n",
        ),
    ];
    let ledger = ledger(&[tz, ssl]);
    assert_eq!(told(&ledger), [("tzdata", 0, None), ("libssl3t64", 1, None)]);
    assert_eq!(owner(&ledger, "usr/share/zoneinfo/UTC"), Some("tzdata"));
    assert_eq!(owner(&ledger, "usr/lib/x86_64-linux-gnu/libssl.so.3"), Some("libssl3t64"));
    assert_eq!(ledger.packages.all()[1].depends, [["libc6"]]);
}

/// Images that were made small: files of removed packages are still there.
#[test]
fn a_record_that_is_removed_has_told_all_the_same() {
    let base: &[Line] = &[("file", "lib/ld-musl-x86_64.so.1", "1"), ("file", "lib/apk/db/installed", MUSL)];
    let ledger = ledger(&[base, &[("file", "lib/apk/.wh.db", "")]]);
    assert_eq!(told(&ledger), [("musl", 0, None)]);
    assert_eq!(owner(&ledger, "lib/ld-musl-x86_64.so.1"), Some("musl"));
}
