//! Extended attributes of a name below a directory, symbolic links not followed.
//!
//! Linux 6.18 has no *at form that rustix wraps, so this uses names in `/proc/self/fd`.

use rustix::buffer::{SpareCapacity, spare_capacity};
use rustix::fs::{
    XattrFlags, fgetxattr, flistxattr, getxattr, lgetxattr, listxattr, llistxattr, lremovexattr, lsetxattr,
    removexattr, setxattr,
};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// File capabilities: the only attribute in layers, as in BuildKit's.
pub const CAPABILITY: &str = "security.capability";

/// The path to `name` below `dir`. For an empty name it is a magic link to `dir` itself, which may be a file, and
/// must be followed.
fn path_of(dir: impl AsFd, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd()).into_bytes();
    if !name.is_empty() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}

fn absent(errno: Errno) -> bool {
    matches!(errno, Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS)
}

/// The value of attribute `key`, or `None` if it is not set or the file system has no attributes.
pub fn get(dir: impl AsFd, name: &[u8], key: &str) -> io::Result<Option<Vec<u8>>> {
    let path = path_of(&dir, name);
    valued(|spare| if name.is_empty() { getxattr(&*path, key, spare) } else { lgetxattr(&*path, key, spare) })
}

/// Like [`get`], for a file that is open for reading or writing.
pub fn get_of(file: impl AsFd, key: &str) -> io::Result<Option<Vec<u8>>> {
    valued(|spare| fgetxattr(&file, key, spare))
}

fn valued(get: impl Fn(SpareCapacity<'_, u8>) -> rustix::io::Result<usize>) -> io::Result<Option<Vec<u8>>> {
    let mut value = Vec::with_capacity(256);
    loop {
        value.clear();
        match get(spare_capacity(&mut value)) {
            Ok(_) => return Ok(Some(value)),
            Err(errno) if absent(errno) => return Ok(None),
            Err(Errno::RANGE) if value.capacity() < 1 << 17 => value.reserve(value.capacity() * 4),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The names of all attributes, sorted. Names that are not UTF-8 are left out, because no layer can have them.
pub fn list(dir: impl AsFd, name: &[u8]) -> io::Result<Vec<String>> {
    let path = path_of(&dir, name);
    listed(|spare| if name.is_empty() { listxattr(&*path, spare) } else { llistxattr(&*path, spare) })
}

/// Like [`list`], for a file that is open for reading.
pub fn list_of(file: impl AsFd) -> io::Result<Vec<String>> {
    listed(|spare| flistxattr(&file, spare))
}

fn listed(list: impl Fn(SpareCapacity<'_, u8>) -> rustix::io::Result<usize>) -> io::Result<Vec<String>> {
    let mut names = Vec::with_capacity(512);
    loop {
        names.clear();
        match list(spare_capacity(&mut names)) {
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
    match name.is_empty() {
        true => setxattr(&*path, key, value, XattrFlags::empty())?,
        false => lsetxattr(&*path, key, value, XattrFlags::empty())?,
    }
    Ok(())
}

/// Removes attribute `key` if it is set.
pub fn remove(dir: impl AsFd, name: &[u8], key: &str) -> io::Result<()> {
    let path = path_of(&dir, name);
    match if name.is_empty() { removexattr(&*path, key) } else { lremovexattr(&*path, key) } {
        // Symbolic links and devices have no user.* attributes at all.
        Err(errno) if absent(errno) || errno == Errno::PERM => Ok(()),
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn an_open_file_and_an_open_directory_have_attributes_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), "").unwrap();
        for path in [dir.path().to_owned(), dir.path().join("f")] {
            let open = File::open(path).unwrap();
            match set(&open, b"", "user.test", b"1") {
                // The file system has no such attributes, so there is nothing to test.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
                result => result.unwrap(),
            }
            assert_eq!(get(&open, b"", "user.test").unwrap().as_deref(), Some(&b"1"[..]));
            assert_eq!(list(&open, b"").unwrap(), ["user.test"]);
        }
        let open = File::open(dir.path()).unwrap();
        assert_eq!(get(&open, b"f", "user.test").unwrap().as_deref(), Some(&b"1"[..]));
    }
}
