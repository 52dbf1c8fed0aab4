//! layer-changes(5): what a step changed, one record a path, sorted by path bytes.

mod members;
mod retold;

pub use retold::retell;

use crate::formats::LAYER_CHANGES;
use crate::path::{WirePath, b64};
use crate::stream::{Format, Header, Records, Writer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The layer-changes stream. Its header has `root`, the absolute path of the tree that holds the files' bytes. If a
/// step made the changes, it also has `snapshot`, the id of the snapshot, and `layers`, how the layer is packed.
///
/// The streams of a stage's steps are a row, and a stream without `root` and records closes it. A reader can
/// therefore tell an input that was cut between two streams, or a tool that failed, from a stage that changed
/// nothing.
pub struct LayerChanges;

impl Format for LayerChanges {
    const NAME: &'static str = LAYER_CHANGES.name;
    const VERSION: u32 = 2;
    const MAKER: &'static str = LAYER_CHANGES.maker;
    const RECORDS: Records = members::RECORDS;
    const STRICT: bool = true;
    type Record = Change;

    fn is_odd(record: &Change, members: usize) -> bool {
        members != members_of(record)
    }
}

/// How many members the written record has, including `type`.
fn members_of(record: &Change) -> usize {
    let Change::Put(put) = record else { return 2 };
    let own = match &put.kind {
        Kind::File { source, .. } => 1 + usize::from(source.is_some()),
        Kind::Dir { opaque } => usize::from(*opaque),
        Kind::Symlink { .. } | Kind::Hardlink { .. } => 1,
        Kind::Fifo => 0,
        Kind::Char { .. } | Kind::Block { .. } => 2,
    };
    7 + usize::from(!put.xattrs.is_empty()) + own
}

/// The first version whose rows are closed.
const CLOSED_SINCE: u32 = 2;

/// Whether the stream closes a row.
pub fn closes(header: &Header) -> bool {
    !header.extra.contains_key("root")
}

/// Whether another stream must follow the one with this header.
pub fn continues(header: &Header) -> bool {
    header.version >= CLOSED_SINCE && header.extra.contains_key("snapshot") && !closes(header)
}

/// Writes the stream that closes a row.
pub fn close<W: Write>(output: W) -> io::Result<W> {
    Writer::<W, LayerChanges>::new(output, BTreeMap::new())?.finish()
}

/// A record of layer-changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Change {
    /// A path that is new or changed, with all its metadata.
    Put(Box<Put>),
    /// A path of a lower layer that is gone, with everything below it.
    Delete {
        /// The path.
        #[serde(flatten)]
        path: WirePath,
    },
}

/// A path that is new or changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Put {
    /// The path.
    #[serde(flatten)]
    pub path: WirePath,
    /// Permission bits with setuid, setgid and sticky: four octal digits.
    pub mode: String,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Whole seconds since the epoch.
    pub mtime: i64,
    /// Extended attributes that layers can have, values in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, Base64>,
    /// The kind of file.
    #[serde(flatten)]
    pub kind: Kind,
}

/// Bytes, base64 in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Base64(#[serde(with = "b64")] pub Vec<u8>);

/// A file outside the tree that has the bytes of a path, which saves a copy before packing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its path below the header's `root`.
    #[serde(flatten)]
    pub path: WirePath,
    /// The state of the file when it was read for the step's key, as `libtree::Meta::state` writes it. A file in
    /// another state must be refused.
    pub state: String,
}

/// The kind of a changed path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A regular file; its bytes are at `path` below the header's `root`, or where `source` says.
    File {
        /// Length in bytes.
        size: u64,
        /// The file that has the bytes, if it is not `path`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Box<Source>>,
    },
    /// A directory.
    Dir {
        /// Whether the content that lower layers have in it is hidden.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        opaque: bool,
    },
    /// A symbolic link.
    Symlink {
        /// Its target.
        #[serde(flatten)]
        target: Target,
    },
    /// Another name of a file earlier in this stream.
    Hardlink {
        /// The earlier name.
        #[serde(flatten)]
        target: Target,
    },
    /// A named pipe.
    Fifo,
    /// A character device.
    Char {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    Block {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// A link's target: `target`, or `target_b64` when it is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TargetMembers", into = "TargetMembers")]
pub struct Target(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
struct TargetMembers {
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_b64: Option<Base64>,
}

impl TryFrom<TargetMembers> for Target {
    type Error = &'static str;

    fn try_from(members: TargetMembers) -> Result<Self, Self::Error> {
        let bytes = match (members.target, members.target_b64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(Base64(bytes))) if std::str::from_utf8(&bytes).is_err() => bytes,
            _ => {
                return Err(
                    "a link has exactly one of target and target_b64, the latter only when it is not UTF-8",
                );
            }
        };
        if bytes.is_empty() || bytes.len() > crate::path::MAX_PATH || bytes.contains(&0) {
            return Err("a link's target has 1 to 4096 bytes and no NUL");
        }
        Ok(Self(bytes))
    }
}

impl From<Target> for TargetMembers {
    fn from(target: Target) -> Self {
        match String::from_utf8(target.0) {
            Ok(text) => Self { target: Some(text), target_b64: None },
            Err(raw) => Self { target: None, target_b64: Some(Base64(raw.into_bytes())) },
        }
    }
}

impl Put {
    /// The mode's bits, or `None` when the text is not four octal digits.
    pub fn mode_bits(&self) -> Option<u32> {
        let octal = self.mode.len() == 4 && self.mode.bytes().all(|b| (b'0'..=b'7').contains(&b));
        octal.then(|| u32::from_str_radix(&self.mode, 8).ok()).flatten()
    }
}
