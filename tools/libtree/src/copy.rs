//! Copies a file's bytes at the least cost the file systems allow: share them, let the kernel copy,
//! or read and write.

use rustix::fs::{FallocateFlags, copy_file_range, fallocate, ioctl_ficlone};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};

/// Copies exactly `size` bytes from the start of `source` to `target`, an empty file. A source that
/// is shorter or longer than `size` changed while it was read: an error.
pub fn copy_bytes(source: &File, target: &File, size: u64) -> io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    if ioctl_ficlone(target, source).is_ok() {
        return check_length(target.metadata()?.len(), size);
    }
    let copied = match copy_in_kernel(source, target, size) {
        Ok(copied) => copied,
        Err(Errno::NOSYS | Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM) => {
            copy_by_hand(source, target, size)?
        }
        Err(errno) => return Err(errno.into()),
    };
    check_length(copied, size)
}

fn copy_in_kernel(source: &File, target: &File, size: u64) -> rustix::io::Result<u64> {
    let (mut from, mut to) = (0, 0);
    while from < size {
        let want = usize::try_from(size - from).unwrap_or(usize::MAX).min(1 << 30);
        match copy_file_range(source, Some(&mut from), target, Some(&mut to), want) {
            Ok(0) => break,
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(from)
}

fn copy_by_hand(source: &File, mut target: &File, size: u64) -> io::Result<u64> {
    // Learn of a full disk now rather than after half the work; not every file system can tell.
    let _ = fallocate(target, FallocateFlags::KEEP_SIZE, 0, size);
    let mut buffer = vec![0; 1 << 17];
    let mut input = source.take(size);
    let mut copied = 0;
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(copied),
            n => {
                target.write_all(&buffer[..n])?;
                copied += n as u64;
            }
        }
    }
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
}
