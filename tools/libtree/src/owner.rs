//! Owners that the kernel can't give: recorded beside the file instead.
//!
//! In a single-uid user namespace only uid 0 is mapped, so a layer's other owners are written to an
//! extended attribute, which layer-diff reads back. Symbolic links can't carry one and stay 0:0.

use crate::{Meta, idmap, xattr};
use rustix::fs::{AtFlags, Gid, Uid, chownat};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;

/// The attribute that records `uid:gid`.
pub const RECORD: &str = "user.stagepipe.owner";

/// Whether owners are the kernel's, or recorded where the kernel refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// chown(2) works for every id an image may hold.
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
            // What was recorded before is the owner no more.
            (Ok(()), Self::Recorded) => xattr::remove(dir, name, RECORD),
            (Err(Errno::INVAL | Errno::PERM), Self::Recorded) => {
                match xattr::set(dir, name, RECORD, format!("{uid}:{gid}").as_bytes()) {
                    // user.* attributes exist on files and directories only.
                    Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => Ok(()),
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

    /// Replaces `meta`'s owner by the recorded one, if there is one. Outside single-uid mode an
    /// attribute of that name is a RUN's forgery and means nothing.
    pub fn read(self, dir: impl AsFd, name: &[u8], meta: &mut Meta) -> io::Result<()> {
        if self == Self::Real || !matches!(meta.kind, crate::FileKind::File | crate::FileKind::Dir) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn an_owner_the_kernel_takes_replaces_a_recorded_one() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("f"), "").unwrap();
        let dir = std::fs::File::open(temp.path()).unwrap();
        let own = dir.metadata().unwrap();
        match xattr::set(&dir, b"f", RECORD, b"5:6") {
            // A file system without such attributes has nothing to test.
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
