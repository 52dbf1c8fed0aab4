//! Archives that attack, or that can be read in two ways: each is refused, or stays below its root.

mod craft;
mod place;

use craft::{END, Header, dir, file, global, gnu_long, hardlink, pax, record, records, symlink};
use libtree::extract::{Form, Options, extract};
use libtree::tar::{Limits, Reader};
use libtree::{Owners, Root};
use place::{Place, refused};
use std::fs;
use std::os::unix::fs::MetadataExt;

#[test]
fn names_that_lead_out_of_a_layer_are_refused() {
    refused(&[file("../escape", "x")]);
    refused(&[dir("a"), file("a/../../escape", "x")]);
    refused(&[Header::new("escape", b'0').prefix("../..").done()]);
    refused(&[pax(&record("path", b"../escape")), file("clean", "x")]);
    refused(&[gnu_long(b"../../escape"), file("clean", "x")]);
    refused(&[pax(&record("path", b"ok\0/../evil")), file("clean", "x")]);
    refused(&[file("", "x")]);
}

#[test]
fn the_same_names_in_an_archive_are_clamped_to_its_root() {
    let place = Place::new();
    place.extract(&[file("../../up", "x"), file("/abs", "y")], Form::Archive).unwrap();
    assert!(place.root("up").is_file() && place.root("abs").is_file());
}

#[test]
fn the_root_is_a_directory_and_stays_one() {
    let victim = Place::new().victim();
    refused(&[symlink(".", &victim), file("escape", "x")]);
    refused(&[file("/", "")]);
    let place = Place::new();
    place.layer(&[Header::new("./", b'5').mode(0o700).done()]).unwrap();
    assert_eq!(fs::metadata(place.root("")).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn writing_through_a_link_stays_below_the_root() {
    for number in 0..4 {
        let place = Place::new();
        let victim = place.victim();
        let up = format!("{}{}", "../".repeat(12), victim.trim_start_matches('/'));
        let target = [&*victim, &*up, "/proc/self/cwd", "/proc/self/root"][number];
        let _ = place.layer(&[symlink("l", target), file("l/pwn", "x")]);
        assert!(!std::path::Path::new("pwn").exists() && !std::path::Path::new("/pwn").exists());
    }
}

#[test]
fn a_link_is_replaced_and_not_followed() {
    let place = Place::new();
    let target = format!("{}/f", place.victim());
    let changed = Header::new("s/", b'5').mode(0o777).done();
    place.layer(&[symlink("l", &target), file("l", "new"), symlink("s", &place.victim()), changed]).unwrap();
    assert_eq!(fs::read(place.root("l")).unwrap(), b"new");
    assert!(fs::symlink_metadata(place.root("s")).unwrap().is_dir());
}

#[test]
fn hard_links_lead_only_to_what_is_below_the_root() {
    refused(&[hardlink("h", "/etc/passwd")]);
    refused(&[hardlink("h", "../../../etc/passwd")]);
    refused(&[hardlink("h", "Cargo.toml")]);
    refused(&[hardlink("h", "h")]);
    refused(&[dir("d"), hardlink("h", "d")]);
    refused(&[hardlink("h", "later"), file("later", "x")]);
    let place = Place::new();
    let target = format!("{}/f", place.victim());
    let _ = place.layer(&[symlink("s", &target), hardlink("h", "s"), file("h", "never written through")]);
}

#[test]
fn bookkeeping_of_aufs_is_no_part_of_the_tree_but_its_hard_links_are() {
    let place = Place::new();
    let parts = [
        file(".wh..wh.aufs", ""),
        dir(".wh..wh.orph"),
        dir(".wh..wh.plnk"),
        file(".wh..wh.plnk/1.2", "linked"),
        file("d/.wh..wh.foo", ""),
        symlink(".wh..wh.plnk/3", "../victim"),
        file(".wh..wh.plnk/3/f", "through a link"),
        hardlink("one", ".wh..wh.plnk/1.2"),
        hardlink("two", ".wh..wh.plnk/1.2"),
    ];
    place.layer(&parts).unwrap();
    let mut names: Vec<_> = fs::read_dir(place.root("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(fs::read(place.root("two")).unwrap(), b"linked");
    assert_eq!(fs::metadata(place.root("one")).unwrap().nlink(), 2);
    // Without their targets, and in an ordinary archive, whose names are literal.
    place.layer(&[hardlink("one", ".wh..wh.plnk/9")]).unwrap_err();
    place.extract(&[file(".wh..wh.aufs", "")], Form::Archive).unwrap();
    assert!(place.root(".wh..wh.aufs").exists());
}

#[test]
fn whiteouts_delete_what_is_lower_and_nothing_else() {
    for bad in [".wh...", ".wh..", ".wh.", "a/.wh.."] {
        refused(&[dir("a"), file(bad, "")]);
    }
    let place = Place::new();
    fs::create_dir_all(place.root("d")).unwrap();
    for lower in ["gone", "both", "d/gone"] {
        fs::write(place.root(lower), "lower").unwrap();
    }
    let parts =
        [file("both", "upper"), file(".wh.both", ""), file(".wh.gone", ""), dir("d"), file("d/new", "x")];
    place.layer(&[&parts[..], &[file("d/.wh..wh..opq", "")]].concat()).unwrap();
    assert_eq!(fs::read(place.root("both")).unwrap(), b"upper");
    assert!(!place.root("gone").exists() && !place.root("d/gone").exists());
    assert!(place.root("d/new").exists());
}

#[test]
fn a_whiteout_spares_what_its_layer_put_there_under_another_name() {
    for (put, mark) in [("l/new", ".wh.d"), ("l/new", "d/.wh..wh..opq"), ("d/new", "l/.wh..wh..opq")] {
        let place = Place::new();
        fs::create_dir_all(place.root("d/sub")).unwrap();
        fs::write(place.root("d/sub/old"), "lower").unwrap();
        place.layer(&[symlink("l", "d"), file(put, "upper"), file(mark, "")]).unwrap();
        assert_eq!(fs::read(place.root("d/new")).ok().as_deref(), Some(&b"upper"[..]), "{put} {mark}");
        assert!(!place.root("d/sub").exists(), "{put} {mark}");
    }
}

#[test]
fn whiteouts_through_a_link_delete_nothing_outside() {
    for mark in ["s/.wh.f", "s/.wh..wh..opq"] {
        let place = Place::new();
        let _ = place.layer(&[symlink("s", &place.victim()), file(mark, "")]);
    }
}

#[test]
fn what_would_steer_overlayfs_is_refused() {
    refused(&[Header::new("c", b'3').done()]);
    for key in ["trusted.overlay.opaque", "trusted.overlay.redirect", "user.overlay.whiteout"] {
        refused(&[pax(&record(&format!("SCHILY.xattr.{key}"), b"y")), file("f", "x")]);
    }
    refused(&[pax(&record("SCHILY.xattr.security.capability", b"abc")), file("f", "x")]);
}

#[test]
fn numbers_out_of_range_are_refused() {
    refused(&[Header::new("f", b'0').size_field(b"9z9").done()]);
    refused(&[Header::new("f", b'0').size_field(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff").done()]);
    refused(&[Header::new("f", b'0').size_field(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff").done()]);
    for (key, value) in [("uid", "4294967296"), ("uid", "4294967295"), ("gid", "-5"), ("mtime", "abc")] {
        refused(&[pax(&record(key, value.as_bytes())), file("f", "x")]);
    }
    let mut damaged = file("f", "x");
    damaged[0] = b'g';
    refused(&[damaged]);
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let path = record("path", b"a");
    refused(&[pax(&path), gnu_long(b"b"), file("clean", "x")]);
    refused(&[pax(&[path.clone(), record("path", b"b")].concat()), file("clean", "x")]);
    refused(&[pax(&path), pax(&path), file("clean", "x")]);
    refused(&[pax(&path)]);
    refused(&[pax(b"3 path=a\n"), file("clean", "x")]);
    refused(&[pax(b"9 path=ab"), file("clean", "x")]);
    for key in ["path", "linkpath", "size", "GNU.sparse.major"] {
        refused(&[global(&record(key, b"1")), file("clean", "x")]);
    }
    refused(&[pax(&record("path", b"")), file("clean", "x")]);
    refused(&[Header::new("l", b'2').link("t").body(b"not for a link")]);
    refused(&[Header::new("f", b'Z').done()]);
    refused(&[Header::new("f", b'D').done()]);
    let (none, long) = (&[0; 8], b"another name\0");
    refused(&[Header::new("L", b'L').magic(none).body(long), file("clean", "x")]);
    refused(&[Header::new("x", b'x').magic(none).body(&path), file("clean", "x")]);
    refused(&[Header::new("L", b'L').body(long), global(&record("comment", b"c")), file("clean", "x")]);
    refused(&[Header::new("f", b'S').sparse(&[(0, 1)], 1).magic(b"ustar\x0000").body(b"x")]);
    refused(&[Header::new("f/", b'S').sparse(&[(0, 1)], 1).body(b"x")]);
    refused(&[Header::new("f/", b'7').body(b"a directory's")]);
}

#[test]
fn a_pax_size_counts_for_the_body_behind_it() {
    let place = Place::new();
    let inner = file("inner", "x");
    let outer = Header::new("outer", b'0').done();
    let size = record("size", inner.len().to_string().as_bytes());
    assert_eq!(place.layer(&[pax(&size), outer, inner]).unwrap().entries, 1);
    assert_eq!(fs::metadata(place.root("outer")).unwrap().len(), 1024);
}

#[test]
fn lengths_and_depths_have_limits() {
    refused(&[pax(&record("path", &[b'n'; 300])), file("f", "x")]);
    refused(&[pax(&record("path", &b"d/".repeat(2500))), file("f", "x")]);
    refused(&[gnu_long(&vec![b'n'; 2 << 20]), file("f", "x")]);
    refused(&[Header::new("p", b'x').size_field(b"40000000000\0").done()]);
}

#[test]
fn a_file_in_the_place_of_a_parent_is_refused() {
    refused(&[file("a", "x"), file("a/b", "x")]);
    refused(&[symlink("a", "b"), symlink("b", "a"), file("a/x", "x")]);
}

#[test]
fn an_archive_that_is_cut_is_refused() {
    let whole = [file("a", "some text"), END.to_vec()].concat();
    for length in [0, 100, 512, 515] {
        let mut reader = Reader::new(&whole[..length]);
        let root = Root::open(&Place::new().root(""), Owners::Real).unwrap();
        let options = Options { form: Form::Layer, owner: None };
        assert!(extract(&mut reader, &root, options).is_err(), "{length} bytes");
    }
}

#[test]
fn global_headers_hold_until_a_later_one_or_the_entrys_own() {
    let place = Place::new();
    let own = |key: &str, value: &str| pax(&records(&[(key, value)]));
    let parts = [
        global(&records(&[("mtime", "1000"), ("comment", "c"), ("uid", "0")])),
        file("global", "x"),
        [own("mtime", "2000"), file("own", "x")].concat(),
        [own("mtime", ""), file("header", "x")].concat(),
        file("again", "x"),
        global(&record("mtime", b"3000")),
        file("later", "x"),
        global(&record("mtime", b"")),
        file("deleted", "x"),
    ];
    place.layer(&parts).unwrap();
    let header = 0o14524707200;
    for (name, time) in [
        ("global", 1000),
        ("own", 2000),
        ("header", header),
        ("again", 1000),
        ("later", 3000),
        ("deleted", header),
    ] {
        assert_eq!(fs::metadata(place.root(name)).unwrap().mtime(), time, "{name}");
    }
}

#[test]
fn what_an_archive_asks_for_is_limited_and_not_how_well_it_compresses() {
    let read = |parts: &[Vec<u8>], bytes, entries| {
        let bytes_of = parts.concat();
        let mut reader = Reader::new(&bytes_of[..]).limited(Limits { bytes, entries });
        loop {
            match reader.next_entry() {
                Ok(None) => return reader.drain().map_err(|error| error.to_string()),
                Ok(Some(_)) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    let sparse = Header::new("s", b'S').sparse(&[(0, 1)], 1 << 30).body(b"x");
    let many: Vec<_> = (0..9).map(|n| file(&n.to_string(), "")).collect();
    let junk = [file("f", "x"), END.to_vec(), vec![b'j'; 5000]];
    assert!(read(std::slice::from_ref(&sparse), 1 << 30, 9).is_ok());
    assert!(read(&[sparse], (1 << 30) - 1, 9).unwrap_err().contains("--max-unpacked"));
    assert!(read(&many, 9, 9).is_ok());
    assert!(read(&many, 9, 8).unwrap_err().contains("--max-entries"));
    assert!(read(&junk, 5001, 9).is_ok());
    assert!(read(&junk, 5000, 9).unwrap_err().contains("--max-unpacked"));
    let global = vec![global(&record("comment", b"c")); 9];
    assert!(read(&global, 9 << 9, 9).unwrap_err().contains("--max-unpacked"));
}
