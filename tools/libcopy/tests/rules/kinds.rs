//! Special files, and attributes of files.

use crate::case::*;
use libcopy::CopyError;
use rustix::fs::{FileType, Mode, XattrFlags, makedev, mknodat};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;

fn node(path: &Path, kind: FileType, device: u64) {
    mknodat(rustix::fs::CWD, path, kind, Mode::from_raw_mode(0o640), device).unwrap();
}

#[test]
fn a_socket_becomes_an_empty_file() {
    let case = Case::new(&["d/"]);
    let _socket = std::os::unix::net::UnixListener::bind(case.from("d/s")).unwrap();
    case.copy(&["d"], "/one").unwrap();
    case.copy(&["d/s"], "/two").unwrap();
    for path in ["one/s", "two"] {
        let meta = fs::symlink_metadata(case.to(path)).unwrap();
        assert!(meta.is_file() && meta.len() == 0, "{path}");
    }
}

#[test]
fn a_fifo_stays_one_and_nobody_waits_for_it() {
    let case = Case::new(&["d/"]);
    node(&case.from("d/pipe"), FileType::Fifo, 0);
    case.copy(&["d"], "/one").unwrap();
    case.request(&libcopy::Request { extract: true, ..request(&["d/pipe"]) }, "/two").unwrap();
    for path in ["one/pipe", "two"] {
        assert!(fs::symlink_metadata(case.to(path)).unwrap().file_type().is_fifo(), "{path}");
    }
}

#[test]
fn a_device_keeps_its_number_and_one_that_reads_as_a_whiteout_is_refused() {
    if !is_root() {
        return;
    }
    let case = Case::new(&["d/"]);
    node(&case.from("d/null"), FileType::CharacterDevice, makedev(1, 3));
    node(&case.from("d/disk"), FileType::BlockDevice, makedev(7, 200));
    case.copy(&["d"], "/x").unwrap();
    let device = |path: &str| fs::symlink_metadata(case.to(path)).unwrap().rdev();
    assert_eq!([device("x/null"), device("x/disk")], [makedev(1, 3), makedev(7, 200)]);
    node(&case.from("d/hole"), FileType::CharacterDevice, 0);
    assert!(matches!(case.copy(&["d"], "/y"), Err(CopyError::Refused { .. })));
}

#[test]
fn a_sparse_file_keeps_its_size_and_its_holes() {
    let case = Case::new(&["d/"]);
    let file = File::create(case.from("d/sparse")).unwrap();
    file.set_len(64 << 20).unwrap();
    file.write_all_at(b"x", 32 << 20).unwrap();
    case.copy(&["d"], "/to").unwrap();
    let (from, to) = (file.metadata().unwrap(), case.to("to/sparse").metadata().unwrap());
    assert_eq!(to.len(), 64 << 20);
    assert!(to.blocks() <= from.blocks().max(1 << 11), "{} of {} blocks", to.blocks(), from.blocks());
}

#[test]
fn capabilities_are_kept_and_other_attributes_only_tell_versions_apart() {
    let case = Case::new(&["d/run"]);
    let before = case.copy(&["d"], "/one").unwrap();
    let file = File::open(case.from("d/run")).unwrap();
    let set = |name: &str, value: &[u8]| rustix::fs::fsetxattr(&file, name, value, XattrFlags::empty());
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    if !is_root() || set("user.note", b"1").is_err() || set("security.capability", capability).is_err() {
        return;
    }
    let owned = libcopy::Request { owner: Some((5, 6)), ..request(&["d"]) };
    assert_ne!(before, case.request(&owned, "/two").unwrap());
    let mut value = [0; 64];
    let copy = case.to("two/run");
    let length = rustix::fs::getxattr(&copy, "security.capability", &mut value[..]).unwrap();
    assert_eq!(&value[..length], capability);
    assert!(rustix::fs::getxattr(&copy, "user.note", &mut value[..]).is_err());
}

#[test]
fn hard_links_of_fifos_stay_links() {
    let case = Case::new(&["d/"]);
    node(&case.from("d/pipe"), FileType::Fifo, 0);
    fs::hard_link(case.from("d/pipe"), case.from("d/queue")).unwrap();
    case.copy(&["d"], "/to").unwrap();
    let inode = |path: &str| fs::symlink_metadata(case.to(path)).unwrap().ino();
    assert_eq!(inode("to/pipe"), inode("to/queue"));
}
