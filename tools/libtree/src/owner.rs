//! Owners that the kernel cannot set. They are recorded in an attribute of the file instead.
//!
//! A single-uid user namespace maps only uid 0. Other owners in a layer are written to an extended attribute, which
//! layer-diff reads back.
//!
//! Only files and directories can have such an attribute. Others, above all symbolic links, can have a file
//! capability, which the kernel reads only when it executes a file. There the ids are encoded as a set of
//! capabilities. The attribute is on the inode, so it stays when a command renames the link and when overlayfs copies
//! it up. The kernel removes it when the owner changes.

use crate::meta::{FileKind, Meta};
use crate::{idmap, xattr};
use rustix::fs::{AtFlags, Gid, Uid, chownat};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;

/// The attribute that records `uid:gid`.
pub const RECORD: &str = "user.stagepipe.owner";
/// The first word of a capability that the kernel stores unchanged: VFS_CAP_REVISION_2.
const REVISION: u32 = 0x0200_0000;
/// In place of the inheritable sets: the mark of an owner.
const MARK: [u32; 2] = [0x6e77_6f2e, 0x7265_2e73];

/// Whether the kernel sets owners, or they are recorded where it refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// chown(2) works for every id in images.
    #[default]
    Real,
    /// Single-uid mode.
    Recorded,
}

impl Owners {
    /// Gives `name` below `dir` its owner.
    pub fn set(self, dir: impl AsFd, name: &[u8], uid: u32, gid: u32) -> io::Result<()> {
        let dir = dir.as_fd();
        let (owner, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
        match (chownat(dir, name, Some(owner), Some(group), flags), self) {
            (Ok(()), Self::Real) => Ok(()),
            // The owner that was recorded before is no longer valid.
            (Ok(()), Self::Recorded) => xattr::remove(dir, name, RECORD),
            (Err(Errno::INVAL | Errno::PERM), Self::Recorded) => {
                match xattr::set(dir, name, RECORD, format!("{uid}:{gid}").as_bytes()) {
                    // It is neither a file nor a directory. If the file system does not support this attribute, the
                    // owner stays 0:0.
                    Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
                        match xattr::set(dir, name, xattr::CAPABILITY, &as_capability(uid, gid)) {
                            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
                            other => other,
                        }
                    }
                    other => other,
                }
            }
            (Err(errno @ Errno::INVAL), Self::Real) => Err(match idmap::unmapped(uid, gid) {
                Some(what) => {
                    io::Error::other(what + ", or use --isolation single, where owners are recorded")
                }
                None => errno.into(),
            }),
            (Err(errno), _) => Err(errno.into()),
        }
    }

    /// Replaces `meta`'s owner by the recorded one, if there is one. Outside single-uid mode such an attribute is
    /// forged by a RUN, and is ignored.
    pub fn read(self, dir: impl AsFd, name: &[u8], meta: &mut Meta) -> io::Result<()> {
        if self == Self::Real {
            return Ok(());
        }
        if !matches!(meta.kind, FileKind::File | FileKind::Dir) {
            let recorded = xattr::get(dir, name, xattr::CAPABILITY)?.and_then(|value| of_capability(&value));
            (meta.uid, meta.gid) = recorded.unwrap_or((meta.uid, meta.gid));
            return Ok(());
        }
        let Some(value) = xattr::get(dir, name, RECORD)? else { return Ok(()) };
        let text = String::from_utf8_lossy(&value);
        if let Some((uid, gid)) = text.split_once(':')
            && let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse())
        {
            (meta.uid, meta.gid) = (uid, gid);
        }
        Ok(())
    }
}

/// An owner as a capability: user and group are its permitted sets.
fn as_capability(uid: u32, gid: u32) -> Vec<u8> {
    [REVISION, uid, MARK[0], gid, MARK[1]].iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn of_capability(value: &[u8]) -> Option<(u32, u32)> {
    let words: Vec<_> = value.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    match words[..] {
        [REVISION, uid, mark, gid, other] if [mark, other] == MARK => Some((uid, gid)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_capability_of_the_length_the_kernel_takes() {
        assert_eq!(as_capability(70000, 5).len(), 20);
        assert_eq!(of_capability(&as_capability(70000, 5)), Some((70000, 5)));
        let ping: Vec<_> = [REVISION, 1 << 13, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
        for other in [&ping[..], &ping[..19], b""] {
            assert_eq!(of_capability(other), None);
        }
    }
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn an_owner_the_kernel_takes_replaces_a_recorded_one() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("f"), "").unwrap();
        let dir = std::fs::File::open(temp.path()).unwrap();
        let own = dir.metadata().unwrap();
        match xattr::set(&dir, b"f", RECORD, b"5:6") {
            // The file system has no such attributes, so there is nothing to test.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
            result => result.unwrap(),
        }
        let owner = || {
            let mut meta = Meta::at(&dir, b"f").unwrap();
            Owners::Recorded.read(&dir, b"f", &mut meta).unwrap();
            (meta.uid, meta.gid)
        };
        assert_eq!(owner(), (5, 6));
        Owners::Recorded.set(&dir, b"f", own.uid(), own.gid()).unwrap();
        assert_eq!(owner(), (own.uid(), own.gid()));
    }
}
