//! Counts the files of a tree, so that a later count shows whether some of them have gone.

use crate::meta::{FileKind, Meta};
use crate::scan::open;
use rustix::fs::{FileType, RawDir};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

/// The size of a buffer for reading a directory, in bytes.
const BUFFER: usize = 1 << 15;

/// The number of names below a directory, and the bytes of the files that they name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of names. An inode with several names counts several times.
    pub names: u64,
    /// The sizes of regular files, for each name; 0 if sizes were not asked for.
    pub bytes: u64,
    /// The bytes on the disk, with those of the root, as du(1) counts; 0 if they were not asked for.
    pub disk: u64,
}

/// Counts everything below `root`, without the root itself. Without `sizes` it reads only directories and no metadata
/// of files, which is several times as fast.
pub fn totals(root: impl AsFd, sizes: bool) -> io::Result<Totals> {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let (mut totals, mut todo) = (Totals::default(), vec![Vec::new()]);
    while let Some(path) = todo.pop() {
        let dir = open(root.as_fd(), &path)?;
        totals.disk += if sizes { Meta::of(&dir)?.disk } else { 0 };
        let mut names = RawDir::new(&dir, &mut buffer);
        while let Some(entry) = names.next() {
            let entry = entry?;
            let (name, mut kind) = (entry.file_name().to_bytes(), entry.file_type());
            if matches!(name, b"." | b"..") {
                continue;
            }
            totals.names += 1;
            if kind == FileType::Unknown || (sizes && kind != FileType::Directory) {
                let meta = Meta::at(&dir, name)?;
                match meta.kind {
                    FileKind::Dir => kind = FileType::Directory,
                    _ if !sizes => {}
                    // Each of its names has a share of an inode.
                    kind => {
                        totals.disk += meta.disk / u64::from(meta.nlink.max(1));
                        totals.bytes += if kind == FileKind::File { meta.size } else { 0 };
                    }
                }
            }
            if kind == FileType::Directory {
                let above: &[u8] = if path.is_empty() { b"" } else { b"/" };
                todo.push([&path, above, name].concat());
            }
        }
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn all_names_count_and_the_bytes_of_files_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b/c")).unwrap();
        fs::write(dir.path().join("a/b/f"), "12345").unwrap();
        fs::hard_link(dir.path().join("a/b/f"), dir.path().join("g")).unwrap();
        std::os::unix::fs::symlink("a/b/f", dir.path().join("link")).unwrap();
        let of = |sizes| totals(File::open(dir.path()).unwrap(), sizes).unwrap();
        let disk = || {
            let du = std::process::Command::new("du").args(["-s", "-B1"]).arg(dir.path()).output().unwrap();
            String::from_utf8(du.stdout).unwrap().split_whitespace().next().unwrap().parse().unwrap()
        };
        assert_eq!(of(true), Totals { names: 6, bytes: 10, disk: disk() });
        assert_eq!(of(false), Totals { names: 6, bytes: 0, disk: 0 });
        fs::remove_file(dir.path().join("a/b/f")).unwrap();
        assert_eq!(of(true), Totals { names: 5, bytes: 5, disk: disk() });
    }
}
