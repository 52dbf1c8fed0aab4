//! Copies a file's bytes in the cheapest way that the file systems allow: sharing them, copying in the kernel, or
//! reading and writing.

use rustix::fs::{FallocateFlags, SeekFrom, copy_file_range, fallocate, ioctl_ficlone, seek};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// From this size in bytes, a preallocation is worth its system call.
const LARGE: u64 = 8 << 20;

/// Copies exactly `size` bytes from the start of `source` to `target`, an empty file. Holes stay holes. If the source
/// is shorter or longer than `size`, it changed while it was read, which is an error.
pub fn copy_bytes(source: &File, target: &File, size: u64) -> io::Result<()> {
    let meta = source.metadata()?;
    check_length(meta.len(), size)?;
    if size == 0 || ioctl_ficlone(target, source).is_ok() {
        return check_length(target.metadata()?.len(), size);
    }
    let sparse = meta.blocks() < size / 512;
    let mut by_hand = false;
    let mut at = 0;
    while at < size {
        let (start, end) = if sparse { data_at(source, at, size)? } else { (0, size) };
        copy_range(source, target, start, end, &mut by_hand)?;
        at = end;
    }
    if sparse {
        target.set_len(size)?;
    }
    check_length(source.metadata()?.len(), size)
}

/// The start and end of the next data at or after `at`. At the end of the file it is empty.
pub(crate) fn data_at(source: &File, at: u64, size: u64) -> io::Result<(u64, u64)> {
    let start = match seek(source, SeekFrom::Data(at)) {
        Ok(start) => start.min(size),
        Err(Errno::NXIO) => size,
        // The file system has no holes, so all of it is data.
        Err(Errno::INVAL) => return Ok((at, size)),
        Err(errno) => return Err(errno.into()),
    };
    match seek(source, SeekFrom::Hole(start)) {
        _ if start == size => Ok((size, size)),
        Ok(end) => Ok((start, end.clamp(start, size))),
        Err(Errno::NXIO) => Ok((start, size)),
        Err(errno) => Err(errno.into()),
    }
}

fn copy_range(source: &File, target: &File, start: u64, end: u64, by_hand: &mut bool) -> io::Result<()> {
    if !*by_hand {
        match copy_in_kernel(source, target, start, end) {
            Ok(at) => return check_length(at, end),
            Err(Errno::NOSYS | Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM) => {
                *by_hand = true;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    check_length(copy_by_hand(source, target, start, end)?, end)
}

/// Returns the position where it stopped.
fn copy_in_kernel(source: &File, target: &File, start: u64, end: u64) -> rustix::io::Result<u64> {
    let (mut from, mut to) = (start, start);
    while from < end {
        let want = usize::try_from(end - from).unwrap_or(usize::MAX).min(1 << 30);
        match copy_file_range(source, Some(&mut from), target, Some(&mut to), want) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(from)
}

fn copy_by_hand(source: &File, target: &File, start: u64, end: u64) -> io::Result<u64> {
    if end - start >= LARGE {
        // Notice a full disk now and not after half the work. Not every file system supports this.
        let _ = fallocate(target, FallocateFlags::KEEP_SIZE, start, end - start);
    }
    let room = usize::try_from(end - start).unwrap_or(usize::MAX).min(1 << 17);
    let mut buffer = vec![0; room];
    let mut at = start;
    while at < end {
        let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(room);
        match source.read_at(&mut buffer[..want], at) {
            Ok(0) => break,
            Ok(n) => {
                target.write_all_at(&buffer[..n], at)?;
                at += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

fn check_length(copied: u64, size: u64) -> io::Result<()> {
    match copied == size {
        true => Ok(()),
        false => Err(io::Error::other(format!("changed while it was read: {copied} of {size} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
        std::fs::write(dir.path().join("a"), &bytes).unwrap();
        let source = File::open(dir.path().join("a")).unwrap();
        let target = File::create(dir.path().join("b")).unwrap();
        copy_bytes(&source, &target, bytes.len() as u64).unwrap();
        assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), bytes);
    }

    #[test]
    fn a_source_that_shrank_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "abc").unwrap();
        let source = File::open(dir.path().join("a")).unwrap();
        let target = File::create(dir.path().join("b")).unwrap();
        assert!(copy_bytes(&source, &target, 5).is_err());
    }

    #[test]
    fn a_source_that_grew_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "abc").unwrap();
        let source = File::open(dir.path().join("a")).unwrap();
        let target = File::create(dir.path().join("b")).unwrap();
        assert!(copy_bytes(&source, &target, 2).is_err());
    }

    #[test]
    fn holes_stay_holes_and_bytes_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let size = 1 << 30;
        for by_hand in [false, true] {
            let new = |name: &str| {
                let mut options = File::options();
                options.create(true).truncate(true).read(true).write(true);
                options.open(dir.path().join(name)).unwrap()
            };
            let source = new("a");
            source.set_len(size).unwrap();
            source.write_all_at(b"middle", 1 << 29).unwrap();
            let target = new("b");
            if source.metadata().unwrap().blocks() > 1 << 11 {
                return; // a file system without holes
            }
            match by_hand {
                false => copy_bytes(&source, &target, size).unwrap(),
                true => {
                    let (start, end) = data_at(&source, 0, size).unwrap();
                    copy_range(&source, &target, start, end, &mut true.clone()).unwrap();
                    assert_eq!(data_at(&source, end, size).unwrap(), (size, size));
                    target.set_len(size).unwrap();
                }
            }
            let mut middle = [0; 6];
            target.read_exact_at(&mut middle, 1 << 29).unwrap();
            assert_eq!((&middle, target.metadata().unwrap().len()), (b"middle", size));
            assert!(target.metadata().unwrap().blocks() < 1 << 11, "by hand: {by_hand}");
        }
    }
}
