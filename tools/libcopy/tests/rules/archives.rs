//! The archives that ADD unpacks.

use crate::case::*;
use libcopy::{CopyError, Request};
use libtree::tar::{Entry, EntryKind, Writer};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

fn entry(path: &str, kind: EntryKind, link: &str, size: u64) -> Entry {
    Entry { link: link.into(), mode: 0o640, uid: 3, gid: 4, size, mtime: OLD, ..Entry::new(path, kind) }
}

fn tar(entries: &[(&str, EntryKind, &str)]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for (path, kind, text) in entries {
        match kind {
            EntryKind::File => {
                let entry = entry(path, *kind, "", text.len() as u64);
                tar.append(&entry, &mut text.as_bytes()).unwrap();
            }
            _ => tar.append(&entry(path, *kind, text, 0), &mut &b""[..]).unwrap(),
        }
    }
    tar.finish().unwrap().0
}

fn file() -> Vec<u8> {
    tar(&[("in/file", EntryKind::File, "text")])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn add(source: &str) -> Request {
    // If the test is not about owners, its ids need no privilege.
    Request { extract: true, owner: Some(owner(&std::env::temp_dir())), ..request(&[source]) }
}

#[test]
fn archives_are_told_by_content_and_unpacked_only_when_asked() {
    let case = Case::new(&["fake.tar.gz", "empty/"]);
    fs::write(case.from("data"), gzip(&file())).unwrap();
    fs::write(case.from("zeros"), vec![0; 10240]).unwrap();
    fs::write(case.from("packed-text"), gzip(b"no tar")).unwrap();
    case.request(&add("data"), "/one").unwrap();
    for source in ["fake.tar.gz", "zeros", "packed-text"] {
        case.request(&add(source), "/two/").unwrap();
    }
    case.copy(&["data"], "/three").unwrap();
    let expected = [
        "one/",
        "one/in/",
        "one/in/file",
        "three",
        "two/",
        "two/fake.tar.gz",
        "two/packed-text",
        "two/zeros",
    ];
    assert_eq!(case.tree(), expected);
}

#[test]
fn what_an_archive_implies_below_a_link_to_nothing_has_its_entrys_time() {
    use EntryKind::{File, Symlink};
    for (link, dir) in [("/no/where", "no/where"), ("no/where", "no/where"), ("z", "z")] {
        let case = Case::new(&["empty/"]);
        let entries = [("l", Symlink, link), ("l/f", File, "x"), ("l/g", File, "y")];
        fs::write(case.from("t"), tar(&entries)).unwrap();
        case.request(&add("t"), "/to/").unwrap();
        for path in [dir, dir.split('/').next().unwrap()] {
            let meta = case.to("to").join(path).symlink_metadata().unwrap();
            assert!(meta.is_dir() && meta.mode() & 0o7777 == 0o755, "{link}");
            assert_eq!(meta.mtime(), OLD, "{path} of {link}");
        }
    }
}

#[test]
fn the_archives_own_directory_is_not_the_destination() {
    let case = Case::new(&["empty/"]);
    fs::write(case.from("t"), tar(&[("./", EntryKind::Dir, ""), ("./f", EntryKind::File, "x")])).unwrap();
    fs::create_dir(case.to("there")).unwrap();
    fs::set_permissions(case.to("there"), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    age(&case.to("there"));
    case.request(&add("t"), "/there").unwrap();
    case.request(&add("t"), "/new").unwrap();
    assert_eq!([mode(&case.to("there")), mode(&case.to("new"))], [0o711, 0o755]);
    let time = |path: &str| case.to(path).metadata().unwrap().mtime();
    assert_eq!([time("there"), time("new")], [OLD, NOW]);
}

#[test]
fn every_compression_is_known() {
    let case = Case::new(&["empty/"]);
    let bytes = file();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&bytes).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&bytes).unwrap();
    let packed = [
        ("plain", bytes.clone()),
        ("gzip", gzip(&bytes)),
        ("two-gzips", [gzip(&bytes[..700]), gzip(&bytes[700..])].concat()),
        ("padded-gzip", [gzip(&bytes), vec![0; 1000]].concat()),
        ("bzip2", bzip2.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("zstd", zstd::encode_all(&bytes[..], 1).unwrap()),
    ];
    for (name, bytes) in packed {
        fs::write(case.from(name), bytes).unwrap();
        case.request(&add(name), &format!("/{name}")).unwrap();
        assert_eq!(fs::read(case.to(name).join("in/file")).unwrap(), b"text", "{name}");
    }
}

#[test]
fn an_archive_that_is_cut_or_damaged_is_an_error() {
    let case = Case::new(&["empty/"]);
    let plain = tar(&[("a", EntryKind::File, &"x".repeat(3000)), ("b", EntryKind::File, "y")]);
    let packed = gzip(&plain);
    let mut damaged = plain.clone();
    damaged[3584 + 148] ^= 1; // the second header's checksum
    for (name, bytes) in [
        ("cut-in-its-end", &packed[..packed.len() - 6]),
        ("cut-in-a-file", &plain[..2000]),
        ("damaged", &damaged[..]),
    ] {
        fs::write(case.from("data"), bytes).unwrap();
        let result = case.request(&add("data"), "/x");
        assert!(matches!(result, Err(CopyError::Archive { .. })), "{name}: {result:?}");
    }
}

#[test]
fn no_archive_reaches_beyond_its_destination() {
    let outside = "../../../outside";
    for entries in [
        &[("../../escaped", EntryKind::File, "x"), ("/absolute", EntryKind::File, "x")][..],
        &[("link", EntryKind::Symlink, outside), ("link/file", EntryKind::File, "x")],
        &[("link", EntryKind::Symlink, "/"), ("link/file", EntryKind::File, "x")],
        &[("link", EntryKind::Symlink, outside), ("link", EntryKind::File, "x")],
        &[("hard", EntryKind::Hardlink, "../../outside/secret"), ("hard", EntryKind::File, "x")],
        &[
            ("d", EntryKind::Symlink, ".."),
            ("d/e", EntryKind::Symlink, ".."),
            ("d/e/f", EntryKind::File, "x"),
        ],
    ] {
        let case = Case::new(&["empty/"]);
        let out = case.dir.path().join("outside");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("secret"), "old").unwrap();
        fs::write(case.from("data"), tar(entries)).unwrap();
        // It may be refused or confined; both are right.
        let _ = case.request(&add("data"), "/in/there");
        assert_eq!(fs::read(out.join("secret")).unwrap(), b"old", "{entries:?}");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "{entries:?}");
        let strays = fs::read_dir(case.dir.path()).unwrap().count();
        assert_eq!(strays, 3, "{entries:?}");
        assert!(case.tree().iter().all(|path| path.starts_with("in/")), "{entries:?}: {:?}", case.tree());
        let there: Vec<_> = fs::read_dir(case.to("in")).unwrap().collect();
        assert_eq!(there.len(), 1, "{entries:?}");
    }
}

#[test]
fn an_archive_keeps_its_times_and_modes_whatever_chmod_says() {
    let case = Case::new(&["empty/"]);
    fs::write(case.from("data"), tar(&[("file", EntryKind::File, "text")])).unwrap();
    let chmod = Some(libwire::Chmod::parse("0700").unwrap());
    case.request(&Request { chmod, ..add("data") }, "/x").unwrap();
    assert_eq!(mode(&case.to("x/file")), 0o640);
    assert_eq!(case.to("x/file").metadata().unwrap().mtime(), OLD);
}

#[test]
fn an_archive_keeps_its_owners_unless_one_is_given() {
    if !is_root() {
        return;
    }
    let case = Case::new(&["empty/"]);
    fs::write(case.from("data"), tar(&[("file", EntryKind::File, "text")])).unwrap();
    case.request(&Request { owner: None, ..add("data") }, "/one").unwrap();
    case.request(&Request { owner: Some((5, 6)), ..add("data") }, "/two").unwrap();
    assert_eq!([owner(&case.to("one/file")), owner(&case.to("two/file"))], [(3, 4), (5, 6)]);
}

#[test]
fn an_archive_needs_a_directory() {
    let case = Case::new(&["d/"]);
    fs::write(case.from("d/data"), file()).unwrap();
    fs::write(case.to("thing"), "").unwrap();
    let error = case.request(&add("d/data"), "/thing").unwrap_err().to_string();
    assert!(error.contains("cannot copy to non-directory"), "{error}");
    case.request(&add("d"), "/x").unwrap();
    assert_eq!(case.tree(), ["thing", "x/", "x/data"], "one in a directory stays packed");
}

#[test]
fn what_says_that_it_is_a_tar_is_never_copied_as_a_file() {
    let good = file();
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        bytes
    };
    let packed = gzip(&(0..200_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    let long = tar(&[("in/file", EntryKind::File, &"text ".repeat(100_000))]);
    for (what, bytes) in [
        ("a wrong checksum", changed(0, b'x')),
        ("an unknown type", {
            let mut bytes = changed(156, b'Z');
            let sum: u32 = bytes[..512].iter().map(|&byte| u32::from(byte)).sum();
            let old: u32 = bytes[148..156].iter().map(|&byte| u32::from(byte)).sum();
            bytes[148..155].copy_from_slice(format!("{:06o}\0", sum - old + 8 * 32).as_bytes());
            bytes
        }),
        ("a body that is cut", good[..515].to_vec()),
        ("a header that is cut", good[..400].to_vec()),
        ("gzip that is cut", gzip(&long)[..1500].to_vec()),
        ("gzip with a wrong sum", {
            let mut bytes = gzip(&good);
            let at = bytes.len() - 6;
            bytes[at] ^= 1;
            bytes
        }),
    ] {
        let case = Case::new(&["empty/"]);
        fs::write(case.from("data"), bytes).unwrap();
        let error = case.request(&add("data"), "/d/");
        assert!(matches!(error, Err(CopyError::Archive { .. })), "{what}: {error:?}");
        assert!(!case.tree().iter().any(|path| path.ends_with("data")), "{what}");
    }
    for (what, bytes) in
        [("damaged gzip of no tar", packed[..5000].to_vec()), ("the start of one", vec![0x1f, 0x8b])]
    {
        let case = Case::new(&["empty/"]);
        fs::write(case.from("data"), &bytes).unwrap();
        case.request(&add("data"), "/d/").unwrap();
        assert_eq!(case.tree(), ["d/", "d/data"], "{what}");
    }
}
