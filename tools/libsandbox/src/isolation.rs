//! The modes by which a tool and its sandbox are isolated from the host.

use libtree::Owners;
use std::fmt;
use std::str::FromStr;

/// A mode, the best first (the tools' `--isolation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Real root: no user namespace, ids are the host's.
    Root,
    /// A user namespace with the caller as 0 and its subordinate ids as 1 and up.
    Subuid,
    /// A user namespace in which only the caller is mapped, as 0; other owners are recorded.
    Single,
}

impl Isolation {
    /// How trees keep their owners in this mode.
    pub fn owners(self) -> Owners {
        match self {
            Self::Single => Owners::Recorded,
            _ => Owners::Real,
        }
    }

    /// The attribute by which overlayfs marks an opaque directory in this mode.
    pub fn opaque_xattr(self) -> &'static str {
        match self {
            Self::Root => "trusted.overlay.opaque",
            _ => "user.overlay.opaque",
        }
    }

    /// The name of the id map under which a store keeps trees in this mode, so that those of another mode are never
    /// used; empty for root's own ids.
    pub fn map(self) -> String {
        match self {
            Self::Root => String::new(),
            other => other.name().to_owned(),
        }
    }

    /// The word on the command line and in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Subuid => "subuid",
            Self::Single => "single",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isolation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "root" => Ok(Self::Root),
            "subuid" => Ok(Self::Subuid),
            "single" => Ok(Self::Single),
            "chroot" => Err("isolation by chroot alone is not built yet; use root, subuid or single".into()),
            _ => Err(format!("{text:?} is not one of root, subuid and single")),
        }
    }
}
