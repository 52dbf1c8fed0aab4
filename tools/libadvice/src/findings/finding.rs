//! A finding: its kind, the layer that pays, and the bytes.

use libimage::ledger::Ledger;
use libimage::places::PlaceId;
use libwire::WirePath;
use serde::Serialize;

/// How many paths of a finding are listed.
pub(super) const NAMED: usize = 20;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Several visible files have the same content.
    Duplicate,
    /// A layer stores files again that differ only in mode, owner or attributes.
    MetadataCopy,
    /// A layer stores identical files again.
    UnchangedCopy,
    /// Lists of packages that could be installed.
    PackageLists,
    /// A download or build cache.
    Cache,
    /// A compiler, linker, or another tool that builds.
    BuildTool,
    /// Header files.
    Headers,
    /// Static libraries.
    StaticLibrary,
    /// Source code and object files.
    Sources,
    /// A repository's history.
    VersionControl,
    /// Files that run as another user or group.
    Setuid,
    /// A layer with nothing in it.
    EmptyLayer,
}

/// One finding. Layers count from 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// The name of a package, tool or directory.
    pub what: String,
    /// The layer that pays.
    pub layer: usize,
    /// The bytes that could be saved. Setuid files and empty layers are not waste; for them this is their size.
    pub bytes: u64,
    /// How many of these bytes are hidden.
    pub hidden: u64,
    /// How many files.
    pub files: u64,
    /// The largest of them.
    pub paths: Vec<WirePath>,
}

/// The paths of some places, limited to the number that a finding lists.
pub(super) fn paths(ledger: &Ledger, places: impl Iterator<Item = PlaceId>) -> Vec<WirePath> {
    places.filter_map(|place| ledger.places.wire_path(place)).take(NAMED).collect()
}
