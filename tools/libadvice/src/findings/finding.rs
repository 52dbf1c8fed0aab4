//! A finding: what it is, which layer pays, how much.

use libimage::ledger::Ledger;
use libimage::places::PlaceId;
use libwire::WirePath;
use serde::Serialize;

/// How many paths of a finding are named.
pub(super) const NAMED: usize = 20;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The same content several times, all of them visible.
    Duplicate,
    /// A layer stores files again that differ in mode, owner or attributes only.
    MetadataCopy,
    /// A layer stores files again exactly as they were.
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
    /// In words: a package, a tool, a directory.
    pub what: String,
    /// The layer that pays.
    pub layer: usize,
    /// Bytes that would not have to be there; of setuid files and empty layers, which have a right to be, the
    /// bytes they have.
    pub bytes: u64,
    /// The part of these that is not even visible.
    pub hidden: u64,
    /// How many files.
    pub files: u64,
    /// The largest of them.
    pub paths: Vec<WirePath>,
}

/// The paths of some places, as many as a finding names.
pub(super) fn paths(ledger: &Ledger, places: impl Iterator<Item = PlaceId>) -> Vec<WirePath> {
    places.filter_map(|place| ledger.places.wire_path(place)).take(NAMED).collect()
}
