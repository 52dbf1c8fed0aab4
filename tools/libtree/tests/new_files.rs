//! Owner and mode of extracted files are the archive's, whatever else affects new files. It is a program of its own,
//! because the umask belongs to the process.

use libtree::extract::{Form, Options, extract};
use libtree::tar::{Entry, EntryKind, Reader, Writer};
use libtree::{Owners, Root};
use rustix::fs::Mode;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

fn entry(path: String, mode: u32) -> Entry {
    Entry { mode, size: 4, mtime: 1, ..Entry::new(path, EntryKind::File) }
}

#[test]
fn neither_umask_nor_a_set_group_id_directory_decides_what_a_file_becomes() {
    let dir = tempfile::tempdir().unwrap();
    // Only root can do this. The new files of others have their own group anyway.
    let _ = chown(dir.path(), None, Some(7));
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o2755)).unwrap();
    let own = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let modes = [0o644, 0o666, 0o4755, 0o2711, 0o1777, 0o000];
    let name = |mode: u32| format!("f{mode:o}");
    let mut writer = Writer::new(Vec::new());
    for mode in modes {
        writer.append(&entry(name(mode), mode), &mut &b"body"[..]).unwrap();
    }
    let (bytes, _) = writer.finish().unwrap();
    let root = Root::open(dir.path(), Owners::Real).unwrap();
    let before = rustix::process::umask(Mode::from_raw_mode(0o077));
    let result =
        extract(&mut Reader::new(&bytes[..]), &root, Options { form: Form::Layer, owner: Some(own) });
    rustix::process::umask(before);
    result.unwrap();
    for mode in modes {
        let meta = fs::symlink_metadata(dir.path().join(name(mode))).unwrap();
        assert_eq!((meta.mode() & 0o7777, (meta.uid(), meta.gid())), (mode, own), "{}", name(mode));
        assert_eq!((meta.len(), meta.mtime()), (4, 1));
    }
}
