//! Findings in an image, as far as its layers show them: copies, caches and tools that are not needed at run time,
//! and other things to look at. Every size is the ledger's. Findings describe the image; advice says what to change.

mod caches;
mod copies;
mod finding;
mod groups;
mod tools;

pub use caches::{Cache, Cached};
pub use finding::{Finding, Kind};
pub(crate) use tools::{builds, purpose};

use groups::Groups;
use libimage::layer::Act;
use libimage::ledger::Ledger;

/// All findings of an image, largest first.
pub fn find(ledger: &Ledger) -> Vec<Finding> {
    let cached = Cached::new(&ledger.places);
    let mut groups = Groups::default();
    for inode in &ledger.inodes {
        if let Some((cache, _)) = cached.at(inode.place) {
            let kind = cache.kind_of(ledger.places.name(inode.place));
            groups.add(kind, cache.manager.name, inode.layer, inode);
        }
    }
    tools::find(ledger, &cached, &mut groups);
    copies::stored_again(ledger, &mut groups);
    setuid(ledger, &mut groups);
    let mut all = groups.finish(ledger);
    all.retain(|finding| finding.bytes > 0);
    all.extend(copies::duplicates(ledger, &cached));
    all.extend(empty_layers(ledger));
    all.sort_by_key(|finding| std::cmp::Reverse(finding.bytes));
    all
}

fn setuid(ledger: &Ledger, groups: &mut Groups) {
    for put in ledger.puts.iter().filter(|put| put.gone.is_none() && put.act == Act::File) {
        if put.mode & 0o6000 == 0 {
            continue;
        }
        if let Some(inode) = ledger.inode(put) {
            let what = match put.mode & 0o6000 {
                0o4000 => "setuid",
                0o2000 => "setgid",
                _ => "setuid and setgid",
            };
            groups.add(Kind::Setuid, what, put.layer, inode);
        }
    }
}

fn empty_layers(ledger: &Ledger) -> impl Iterator<Item = Finding> {
    let empty = ledger.layers.iter().enumerate().filter(|(_, sums)| sums.entries == 0);
    empty.map(|(at, sums)| Finding {
        kind: Kind::EmptyLayer,
        what: "nothing in it".into(),
        layer: at + 1,
        bytes: sums.blob_size,
        hidden: 0,
        files: 0,
        paths: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use libimage::fixtures::ledger;

    fn found(layers: &[&[(&str, &str, &str)]]) -> Vec<(Kind, String, usize, u64, u64, u64)> {
        let told = |f: Finding| (f.kind, f.what, f.layer, f.bytes, f.hidden, f.files);
        find(&ledger(layers)).into_iter().map(told).collect()
    }

    #[test]
    fn caches_are_found_visible_and_hidden() {
        let first: &[_] = &[("file", "var/lib/apt/lists/a", "1234"), ("file", "root/.cache/pip/x", "123")];
        let second: &[_] = &[("file", "var/lib/apt/lists/.wh.a", "")];
        assert_eq!(
            found(&[first, second]),
            [(Kind::PackageLists, "apt".into(), 1, 4, 4, 1), (Kind::Cache, "pip".into(), 1, 3, 0, 1),]
        );
    }

    #[test]
    fn apk_has_lists_and_downloads_in_one_place() {
        let first: &[_] = &[
            ("file", "var/cache/apk/APKINDEX.a8ab4b04.tar.gz", "12345"),
            ("file", "etc/apk/cache/a-1.apk", "1234"),
        ];
        let found: Vec<_> = found(&[first]).into_iter().map(|(kind, what, ..)| (kind, what)).collect();
        assert_eq!(found, [(Kind::PackageLists, "apk".into()), (Kind::Cache, "apk".into())]);
    }

    #[test]
    fn duplicates_are_visible_files_of_their_own() {
        let first: &[_] =
            &[("file", "a", "same"), ("link", "name", "a"), ("file", "empty", ""), ("file", "none", "")];
        let second: &[_] = &[("file", "b", "same"), ("file", "c", "same"), ("file", "d", "samE")];
        let third: &[_] = &[("file", ".wh.c", "")];
        assert_eq!(found(&[first, second, third]), [(Kind::Duplicate, "2 copies".into(), 2, 4, 0, 2)]);
    }

    #[test]
    fn copies_that_change_nothing_but_metadata_are_the_later_layers() {
        let first: &[_] = &[("file", "m", "1234"), ("file", "u", "12")];
        let second: &[_] = &[("private", "m", "1234"), ("file", "u", "12")];
        assert_eq!(
            found(&[first, second, &[]]),
            [
                (Kind::EmptyLayer, "nothing in it".into(), 3, 1024, 0, 0),
                (Kind::MetadataCopy, "layer 1".into(), 2, 4, 0, 1),
                (Kind::UnchangedCopy, "layer 1".into(), 2, 2, 0, 1),
            ]
        );
    }

    #[test]
    fn tools_are_packages_and_what_no_package_has() {
        let status = "Package: gcc\nSection: devel\n\nPackage: bash\nSection: shells\n";
        let first: &[_] = &[
            ("file", "usr/bin/gcc", "12345678"),
            ("file", "usr/bin/bash", "1"),
            ("file", "var/lib/dpkg/status", status),
            ("file", "var/lib/dpkg/info/gcc.list", "/usr/bin/gcc\n"),
            ("file", "var/lib/dpkg/info/bash.list", "/usr/bin/bash\n"),
            ("file", "usr/include/a.h", "1234567"),
            ("file", "opt/x/.git/objects/aa", "123456"),
            ("file", "usr/local/lib/libx.a", "12345"),
            ("file", "src/main.c", "1234"),
            ("file", "srv/main.py", "123"),
        ];
        let none = found(&[first, &[("file", "usr/bin/.wh.gcc", "")]]);
        assert!(none.iter().all(|(kind, ..)| *kind != Kind::BuildTool), "what is not visible is no tool");
        assert_eq!(
            found(&[first]),
            [
                (Kind::BuildTool, "gcc".into(), 1, 8, 0, 1),
                (Kind::Headers, "/usr/include".into(), 1, 7, 0, 1),
                (Kind::VersionControl, "/opt/x/.git".into(), 1, 6, 0, 1),
                (Kind::StaticLibrary, "/usr/local/lib".into(), 1, 5, 0, 1),
                (Kind::Sources, "/src".into(), 1, 4, 0, 1),
            ]
        );
    }

    #[test]
    fn setuid_files_are_told() {
        assert_eq!(found(&[&[("setuid", "bin/su", "123")]]), [(Kind::Setuid, "setuid".into(), 1, 3, 0, 1)]);
    }
}
