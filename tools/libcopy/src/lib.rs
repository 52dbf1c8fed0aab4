//! COPY and ADD: selecting what sources mean, and writing it to a destination with BuildKit's rules.
//!
//! Two phases. [`Selection::new`] resolves sources and reads them for the cache key, and writes nothing;
//! [`Selection::write`] writes, or [`Selection::changes`] tells what it would write. Sources and destinations
//! are resolved below their roots, whatever their symbolic links say. It expands no variables, looks up no
//! names and fetches nothing.

pub mod archive;
mod changes;
mod contents;
mod digest;
mod error;
mod listing;
mod members;
mod memory;
mod select;
mod selected;
mod sources;
mod write;

pub use error::CopyError;
pub use listing::{Difference, Listing};
pub use memory::Memory;
pub use select::Selection;

use libpattern::Matcher;
use libtree::Root;
use libtree::tar::Limits;
use libwire::Chmod;

/// Where sources are read.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    /// Its root.
    pub root: &'a Root,
    /// Paths that count as absent.
    pub ignore: Option<&'a Matcher>,
    /// Whether it is the caller's directory: then owners are not kept.
    pub local: bool,
    /// What its files held before.
    pub memory: Option<&'a Memory>,
}

/// What to copy and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Sources as they are written; they may be patterns.
    pub sources: Vec<String>,
    /// Files that have no source: name and bytes.
    pub documents: Vec<(String, Vec<u8>)>,
    /// Owner of everything written.
    pub owner: Option<(u32, u32)>,
    /// Mode of everything written.
    pub chmod: Option<Chmod>,
    /// Keep the sources' directories (`--parents`).
    pub parents: bool,
    /// Patterns, relative to each source, of what is left out.
    pub exclude: Vec<String>,
    /// Unpack archives (ADD).
    pub extract: bool,
    /// Modification time of what has no source: seconds and nanoseconds.
    pub now: (i64, u32),
    /// How much each archive may unpack to.
    pub limits: Limits,
}
