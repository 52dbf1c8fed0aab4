//! Decides whether a store can keep its promises on a file system. It can't if another machine or program decides about
//! locks, or about the order in which names become durable.

use crate::error::StoreError;
use std::path::Path;

/// The suitability of a file system for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It can keep all promises.
    Sound,
    /// Locks and durable names are unreliable.
    Remote(&'static str),
    /// No snapshot can be made there, but blobs can.
    Overlay,
}

impl Place {
    /// The suitability by `f_type` of statfs(2), cut to 32 bits.
    fn of(kind: u32) -> Self {
        match kind {
            0x6969 => Self::Remote("NFS"),
            0x0102_1997 => Self::Remote("9p"),
            0xff53_4d42 | 0xfe53_4d42 => Self::Remote("SMB"),
            0x6573_5546 => Self::Remote("FUSE"),
            0x00c3_6400 => Self::Remote("Ceph"),
            0x5346_414f => Self::Remote("AFS"),
            0x794c_7630 => Self::Overlay,
            _ => Self::Sound,
        }
    }
}

/// Refuses a new store at `path` if it could lose acknowledged data. Returns a warning if a part of it will not work.
pub(crate) fn check(path: &Path) -> Result<Option<String>, StoreError> {
    // Its directory may not exist yet.
    let found = path.ancestors().find_map(|place| {
        let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
        rustix::fs::statfs(place).ok()
    });
    match found.map_or(Place::Sound, |found| Place::of(found.f_type as u32)) {
        Place::Sound => Ok(None),
        Place::Remote(name) => {
            let path = path.display().to_string();
            let why = format!(
                "is on {name}, where locks and what is written can't be relied on; name a store on a disk of this \
                 machine by --store or STAGEPIPE_STORE"
            );
            Err(StoreError::NotAStore { path, why })
        }
        Place::Overlay => Ok(Some(format!(
            "the new store {} is on overlayfs, as in a container, so no RUN can be run in it; name a store elsewhere by \
             --store or STAGEPIPE_STORE: on a volume, a tmpfs or another file system",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_elsewhere_is_refused_by_name_and_disks_are_not() {
        for (kind, name) in
            [(0x6969, "NFS"), (0x6573_5546, "FUSE"), (0xfe53_4d42, "SMB"), (0x0102_1997, "9p")]
        {
            assert_eq!(Place::of(kind), Place::Remote(name));
        }
        // ext4, xfs, btrfs, tmpfs, zfs
        for kind in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x2fc1_2fc1] {
            assert_eq!(Place::of(kind), Place::Sound);
        }
        assert_eq!(check(Path::new("/dev/shm/a/b")).unwrap(), None);
    }
}
