//! Sparse files of all formats, and long runs of zeros: the bytes are right, and holes stay holes.

#[allow(dead_code, reason = "other tests need more of it")]
mod craft;
#[allow(dead_code, reason = "other tests need more of it")]
mod place;

use craft::{Header, file, pax, records, symlink};
use libtree::extract::{Form, Options, extract};
use libtree::tar::Reader;
use libtree::{Owners, Root};
use place::{Place, refused};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

#[test]
fn a_sparse_file_is_as_long_as_it_says_and_its_holes_are_zero() {
    let place = Place::new();
    place.layer(&[Header::new("sparse", b'S').sparse(&[(512, 3)], 1 << 20).body(b"abc")]).unwrap();
    let bytes = fs::read(place.root("sparse")).unwrap();
    assert_eq!(bytes.len(), 1 << 20);
    assert_eq!(&bytes[512..515], b"abc");
    assert!(bytes.iter().filter(|&&b| b != 0).count() == 3);
    refused(&[Header::new("s", b'S').sparse(&[(0, 3)], 1 << 62).body(b"abc")]);
    refused(&[Header::new("s", b'S').sparse(&[(8, 3), (0, 3)], 100).body(b"abcabc")]);
    refused(&[Header::new("s", b'S').sparse(&[(0, 4)], 100).body(b"abc")]);
}

/// One file in the four formats of sparse files: "abc" at 512, "d" at 5000, and 9000 bytes in all.
fn sparse_in_pax(version: &str) -> Vec<Vec<u8>> {
    let (keys, body) = match version {
        "0.0" => (
            records(&[
                ("GNU.sparse.size", "9000"),
                ("GNU.sparse.numblocks", "2"),
                ("GNU.sparse.offset", "512"),
                ("GNU.sparse.numbytes", "3"),
                ("GNU.sparse.offset", "5000"),
                ("GNU.sparse.numbytes", "1"),
                ("path", "sparse"),
            ]),
            b"abcd".to_vec(),
        ),
        "0.1" => (
            records(&[
                ("GNU.sparse.name", "sparse"),
                ("GNU.sparse.size", "9000"),
                ("GNU.sparse.numblocks", "2"),
                ("GNU.sparse.map", "512,3,5000,1"),
            ]),
            b"abcd".to_vec(),
        ),
        _ => {
            let mut body = b"2\n512\n3\n5000\n1\n".to_vec();
            body.resize(512, 0);
            body.extend_from_slice(b"abcd");
            let version = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")];
            let rest = [("GNU.sparse.name", "sparse"), ("GNU.sparse.realsize", "9000")];
            (records(&[version, rest].concat()), body)
        }
    };
    vec![pax(&keys), Header::new("GNUSparseFile.0", b'0').body(&body)]
}

#[test]
fn sparse_files_in_pax_headers_are_the_files_they_were() {
    let mut bytes = vec![0; 9000];
    bytes[512..515].copy_from_slice(b"abc");
    bytes[5000] = b'd';
    for version in ["0.0", "0.1", "1.0"] {
        let place = Place::new();
        place.layer(&[sparse_in_pax(version), vec![file("after", "x")]].concat()).unwrap();
        assert!(fs::read(place.root("sparse")).unwrap() == bytes, "{version}");
        assert!(place.root("after").is_file() && !place.root("GNUSparseFile.0").exists(), "{version}");
    }
}

#[test]
fn sparse_files_in_pax_headers_that_two_readers_could_read_differently_are_refused() {
    let major = |major, minor| vec![("GNU.sparse.major", major), ("GNU.sparse.minor", minor)];
    let named = [("GNU.sparse.name", "s"), ("GNU.sparse.realsize", "10")];
    let first = |keys: &[(&str, &str)], body: &[u8]| {
        refused(&[pax(&records(keys)), Header::new("f", b'0').body(body)]);
    };
    let block = |map: &str| [map.as_bytes(), &vec![0; 512 - map.len()]].concat();
    let in_body = |map: &str| first(&[major("1", "0"), named.to_vec()].concat(), &block(map));
    for map in
        ["1000000000\n", "1\n0\n", "1\n0\n11\n", "2\n4\n0\n0\n0\n", "x\n", "1\n-1\n0\n", "1\n0\n1\n", ""]
    {
        in_body(map);
    }
    first(&[major("1", "0"), named.to_vec()].concat(), b"0\n");
    first(&[major("2", "0"), named.to_vec()].concat(), &block("0\n"));
    first(&major("1", "0"), &block("0\n"));
    let huge = [("GNU.sparse.name", "s"), ("GNU.sparse.realsize", "4611686018427387904")];
    first(&[major("1", "0"), huge.to_vec()].concat(), &block("0\n"));
    let lengths = |size, blocks| vec![("GNU.sparse.size", size), ("GNU.sparse.numblocks", blocks)];
    for (blocks, map) in [("2", "0,1"), ("1", "0,1,2"), ("1", "0;1"), ("1", ""), ("1", "0,2")] {
        first(&[lengths("10", blocks), vec![("GNU.sparse.map", map)]].concat(), b"x");
    }
    let twice = [("GNU.sparse.offset", "0"), ("GNU.sparse.offset", "1"), ("GNU.sparse.numbytes", "1")];
    first(&[lengths("10", "1"), twice.to_vec()].concat(), b"x");
    first(&lengths("10", "0"), b"");
    first(&named, b"x");
    let of_a_link = [lengths("10", "1"), vec![("GNU.sparse.map", "0,0")]].concat();
    refused(&[pax(&records(&of_a_link)), symlink("l", "t")]);
}

#[test]
fn long_runs_of_zeros_are_unpacked_as_holes() {
    let place = Place::new();
    let body = [&vec![0; 8 << 20][..], b"middle", &vec![0; 8 << 20]].concat();
    place.layer(&[Header::new("zeros", b'0').body(&body)]).unwrap();
    assert!(fs::read(place.root("zeros")).unwrap() == body);
    let meta = fs::metadata(place.root("zeros")).unwrap();
    assert!(meta.blocks() * 512 <= 1 << 18, "{} blocks", meta.blocks());
}

/// Makes a file with many parts and holes in `dir`.
fn with_holes(dir: &std::path::Path) -> PathBuf {
    use std::os::unix::fs::FileExt;
    let source = dir.join("s");
    let sparse = fs::File::create(&source).unwrap();
    for part in 0..40u64 {
        sparse.write_at(&[part as u8 + 1; 4096], part << 17).unwrap();
    }
    sparse.set_len(6 << 20).unwrap();
    source
}

#[test]
fn sparse_files_that_other_tars_wrote_are_read() {
    let gnu = |arguments: &[&'static str]| [&["tar", "--sparse", "-cf", "-"][..], arguments].concat();
    for command in [
        gnu(&["--format=gnu", "s"]),
        gnu(&["--format=posix", "--sparse-version=0.0", "s"]),
        gnu(&["--format=posix", "--sparse-version=0.1", "s"]),
        gnu(&["--format=posix", "--sparse-version=1.0", "s"]),
        vec!["bsdtar", "--format=pax", "--read-sparse", "-cf", "-", "s"],
    ] {
        let place = Place::new();
        let source = with_holes(place.dir.path());
        let mut tar = std::process::Command::new(command[0]);
        // Not every machine has bsdtar.
        let Ok(output) = tar.current_dir(place.dir.path()).args(&command[1..]).output() else { continue };
        assert!(output.stdout.len() < 1 << 20, "{command:?} wrote no sparse file");
        let root = Root::open(&place.root(""), Owners::Real).unwrap();
        let options = Options { form: Form::Archive, owner: None };
        let stats = extract(&mut Reader::new(&output.stdout[..]), &root, options).unwrap();
        assert_eq!((stats.entries, stats.bytes < 1 << 20), (1, true), "the holes are no data: {command:?}");
        assert!(fs::read(source).unwrap() == fs::read(place.root("s")).unwrap(), "{command:?}");
    }
}
