//! Writes a merged tree as one tar, or to a directory.

use libcli::Failure;
use libtree::extract::{self, Form, Options};
use libtree::holes::Extents;
use libtree::tar::{Entry, EntryKind, Limits, Reader, Writer};
use libtree::walk::{self, Next};
use libtree::{FileKind, Meta, Owners, Root, xattr};
use rustix::fs::{Mode, OFlags, openat, readlinkat};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

/// The first name of each file with several names, by device and inode.
type Links = HashMap<((u32, u32), u64), Vec<u8>>;

/// Writes everything below `root` to `output` as a tar: sorted, numeric owners, hard links kept, sockets
/// left out. Memory grows with the number of hard links only.
pub fn write_tree(root: &Root, output: impl Write) -> io::Result<()> {
    let mut tar = Writer::new(output);
    let mut links = Links::new();
    let mut buffer = vec![0; 1 << 17];
    walk::walk(root.fd(), root.owners(), &mut |entry| -> io::Result<Next> {
        append(&mut tar, entry, &mut links, &mut buffer).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", String::from_utf8_lossy(entry.path)))
        })?;
        Ok(Next::Descend)
    })?;
    tar.finish()?.0.flush()
}

fn append<W: Write>(
    tar: &mut Writer<W>,
    found: &walk::Entry,
    links: &mut Links,
    buffer: &mut [u8],
) -> io::Result<()> {
    let Some(kind) = kind_of(found.meta.kind) else { return Ok(()) };
    let mut entry = entry_of(found, kind);
    if found.meta.nlink > 1 && kind != EntryKind::Dir {
        let key = (found.meta.dev, found.meta.ino);
        if let Some(first) = links.get(&key) {
            let link = Entry { kind: EntryKind::Hardlink, link: first.clone(), size: 0, ..entry };
            return tar.append(&link, &mut io::empty());
        }
        links.insert(key, found.path.to_vec());
    }
    match kind {
        EntryKind::Symlink => {
            entry.link = readlinkat(found.dir, found.name, Vec::new())?.into_bytes();
            tar.append(&entry, &mut io::empty())
        }
        EntryKind::File => {
            entry.xattrs = capability(found)?;
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = File::from(openat(found.dir, found.name, flags, Mode::empty())?);
            tar.append_pieces(&entry, &mut Extents::new(&file, entry.size), buffer)
        }
        _ => tar.append(&entry, &mut io::empty()),
    }
}

fn kind_of(kind: FileKind) -> Option<EntryKind> {
    Some(match kind {
        FileKind::File => EntryKind::File,
        FileKind::Dir => EntryKind::Dir,
        FileKind::Symlink => EntryKind::Symlink,
        FileKind::Fifo => EntryKind::Fifo,
        FileKind::Char => EntryKind::Char,
        FileKind::Block => EntryKind::Block,
        FileKind::Socket => return None,
    })
}

fn entry_of(found: &walk::Entry, kind: EntryKind) -> Entry {
    let Meta { mode, uid, gid, size, mtime, rdev, .. } = found.meta;
    Entry {
        mode,
        uid,
        gid,
        size: if kind == EntryKind::File { size } else { 0 },
        mtime,
        rdev: if matches!(kind, EntryKind::Char | EntryKind::Block) { rdev } else { (0, 0) },
        ..Entry::new(found.path, kind)
    }
}

fn capability(found: &walk::Entry) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let value = xattr::get(found.dir, found.name, xattr::CAPABILITY)?;
    Ok(value.map(|value| (xattr::CAPABILITY.to_owned(), value)).into_iter().collect())
}

/// How to treat files that are already in a target directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Existing {
    /// It must be empty
    Refuse,
    /// They stay, unless they are in the place of a file of the image; directories are merged
    Merge,
    /// They are removed, unless the image has a file of the same name
    Delete,
}

/// Makes the directory `target` if it is missing, or returns the reason that a tree cannot be unpacked there.
pub fn check_target(target: &Path, existing: Existing) -> Result<(), Failure> {
    let fail = |error: io::Error| Failure::failed(target.display().to_string(), error);
    match std::fs::create_dir(target) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fail(error)),
        _ => {}
    }
    if existing == Existing::Refuse && !walk::names_at(target).map_err(fail)?.is_empty() {
        let what = "is not empty; name an empty or new directory, or use --existing merge";
        return Err(Failure::failed(target.display().to_string(), what));
    }
    Ok(())
}

/// Copies everything below `root` into `target`. Returns the number of device nodes that this user may not make.
pub fn unpack_into(root: &Root, target: &Path, owners: Owners, existing: Existing) -> Result<u64, Failure> {
    let place = || target.display().to_string();
    let fail = |error: io::Error| Failure::failed(place(), error);
    check_target(target, existing)?;
    let into = Root::open(target, owners).map_err(fail)?;
    if existing == Existing::Delete {
        remove_others(root, &into).map_err(fail)?;
    }
    let (reader, writer) = io::pipe().map_err(fail)?;
    std::thread::scope(|scope| {
        let packing = scope.spawn(move || write_tree(root, BufWriter::with_capacity(1 << 17, writer)));
        // The tree is ours, and its layers were limited when they were unpacked.
        let mut tar = Reader::new(BufReader::with_capacity(1 << 17, reader)).limited(Limits::NONE);
        let options = Options { form: Form::Archive, owner: None };
        let extracted =
            extract::extract(&mut tar, &into, options).map_err(|error| Failure::failed(place(), error));
        // Also reads the bytes after the end of the tar, so that the other thread never waits to write.
        let drained = extracted.is_ok().then(|| tar.drain().map_err(|error| Failure::failed(place(), error)));
        let packed = packing.join().unwrap_or_else(|_| Err(io::Error::other("packing failed")));
        match (packed, extracted) {
            // The extraction failed first, and broke the pipe.
            (Err(error), Err(failure)) if error.kind() == io::ErrorKind::BrokenPipe => Err(failure),
            (Err(error), _) => Err(Failure::failed("tree", error)),
            (Ok(()), extracted) => {
                drained.transpose()?;
                Ok(extracted?.devices_skipped)
            }
        }
    })
}

/// Removes everything below `target` that is not below `root`.
fn remove_others(root: &Root, target: &Root) -> io::Result<()> {
    walk::walk(target.fd(), target.owners(), &mut |entry| -> io::Result<Next> {
        match root.lstat(entry.path) {
            Ok(meta) if meta.is_dir() == entry.meta.is_dir() => Ok(Next::Descend),
            // It is replaced as a whole.
            Ok(_) => Ok(Next::Skip),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                libtree::remove::remove_all(entry.dir, entry.name)?;
                Ok(Next::Skip)
            }
            Err(error) => Err(error),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn root(path: &Path) -> Root {
        Root::open(path, Owners::Real).unwrap()
    }

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("d/e")).unwrap();
        std::fs::write(dir.path().join("d/f"), "hello").unwrap();
        std::fs::hard_link(dir.path().join("d/f"), dir.path().join("g")).unwrap();
        symlink("/d/f", dir.path().join("l")).unwrap();
        std::fs::set_permissions(dir.path().join("d/e"), PermissionsExt::from_mode(0o1755)).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
        dir
    }

    #[test]
    fn a_tree_becomes_a_sorted_tar_and_a_directory_again() {
        let dir = tree();
        let mut tar = Vec::new();
        write_tree(&root(dir.path()), &mut tar).unwrap();
        let mut reader = Reader::new(&tar[..]);
        let mut names = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            names.push((String::from_utf8(entry.path).unwrap(), entry.kind));
        }
        let expected = [
            ("d/", EntryKind::Dir),
            ("d/e/", EntryKind::Dir),
            ("d/f", EntryKind::File),
            ("g", EntryKind::Hardlink),
            ("l", EntryKind::Symlink),
        ];
        assert_eq!(names, expected.map(|(name, kind)| (name.to_owned(), kind)));

        let target = dir.path().parent().unwrap().join(format!("{}.copy", dir.path().display()));
        let unpack = |existing| unpack_into(&root(dir.path()), &target, Owners::Real, existing);
        assert_eq!(unpack(Existing::Refuse).unwrap(), 0);
        let meta = |name: &str| std::fs::symlink_metadata(target.join(name)).unwrap();
        assert_eq!((meta("d/f").ino(), meta("d/e").mode() & 0o7777), (meta("g").ino(), 0o1755));
        assert!(unpack(Existing::Refuse).is_err(), "a full directory is refused");
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("f"), "not ours").unwrap();
        let replace = |name: &str| std::fs::remove_dir_all(target.join(name)).unwrap();
        replace("d");
        symlink(elsewhere.path(), target.join("d")).unwrap();
        std::fs::write(target.join("mine"), "mine").unwrap();
        std::fs::remove_file(target.join("l")).unwrap();
        std::fs::create_dir_all(target.join("l/in/the/way")).unwrap();
        assert_eq!(unpack(Existing::Merge).unwrap(), 0);
        assert_eq!(std::fs::read(target.join("d/f")).unwrap(), b"hello");
        assert_eq!(std::fs::read(elsewhere.path().join("f")).unwrap(), b"not ours", "no link is followed");
        assert!(meta("d").is_dir() && meta("l").is_symlink() && meta("mine").is_file());
        std::fs::create_dir_all(target.join("other/dir")).unwrap();
        assert_eq!(unpack(Existing::Delete).unwrap(), 0);
        assert!(std::fs::symlink_metadata(target.join("mine")).is_err());
        assert!(std::fs::symlink_metadata(target.join("other")).is_err());
        assert_eq!(std::fs::read(target.join("g")).unwrap(), b"hello");
        std::fs::remove_dir_all(target).unwrap();
    }

    #[test]
    fn a_full_output_is_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert!(write_tree(&root(tree().path()), BufWriter::new(full)).is_err());
    }
}
