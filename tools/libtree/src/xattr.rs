//! Extended attributes of a name below a directory, symbolic links not followed.
//!
//! Linux 6.18 has no *at form that rustix wraps, so names go through `/proc/self/fd`.

use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// File capabilities: the only attribute a layer carries (as BuildKit's do).
pub const CAPABILITY: &str = "security.capability";

fn path_of(dir: impl AsFd, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(if name.is_empty() { b"." } else { name });
    path
}

fn absent(errno: Errno) -> bool {
    matches!(errno, Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS)
}

/// The value of attribute `key`, or `None` when it isn't set or the file system has none.
pub fn get(dir: impl AsFd, name: &[u8], key: &str) -> io::Result<Option<Vec<u8>>> {
    let path = path_of(&dir, name);
    let mut value = Vec::with_capacity(256);
    loop {
        value.clear();
        match lgetxattr(&*path, key, rustix::buffer::spare_capacity(&mut value)) {
            Ok(_) => return Ok(Some(value)),
            Err(errno) if absent(errno) => return Ok(None),
            Err(Errno::RANGE) if value.capacity() < 1 << 17 => value.reserve(value.capacity() * 4),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The names of all attributes, sorted. Names that are not UTF-8 are left out: no layer can carry them.
pub fn list(dir: impl AsFd, name: &[u8]) -> io::Result<Vec<String>> {
    let path = path_of(&dir, name);
    let mut names = Vec::with_capacity(512);
    loop {
        names.clear();
        match llistxattr(&*path, rustix::buffer::spare_capacity(&mut names)) {
            Ok(_) => break,
            Err(errno) if absent(errno) => return Ok(Vec::new()),
            Err(Errno::RANGE) if names.capacity() < 1 << 17 => names.reserve(names.capacity() * 4),
            Err(errno) => return Err(errno.into()),
        }
    }
    let text = |raw: &[u8]| std::str::from_utf8(raw).ok().map(str::to_owned);
    let mut list: Vec<_> = names.split(|&b| b == 0).filter(|raw| !raw.is_empty()).filter_map(text).collect();
    list.sort();
    Ok(list)
}

/// Sets attribute `key`.
pub fn set(dir: impl AsFd, name: &[u8], key: &str, value: &[u8]) -> io::Result<()> {
    let path = path_of(&dir, name);
    Ok(lsetxattr(&*path, key, value, XattrFlags::empty())?)
}
