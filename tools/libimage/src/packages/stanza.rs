//! One package, as a package manager's record describes it.

/// A package as one record describes it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stanza {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) section: String,
    pub(super) depends: Vec<Vec<String>>,
    pub(super) recommends: Vec<Vec<String>>,
    pub(super) provides: Vec<String>,
    pub(super) files: Vec<Vec<u8>>,
}
