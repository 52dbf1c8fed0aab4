//! COPY and ADD: selects sources and writes them to a destination by BuildKit's rules.
//!
//! There are two phases. [`Selection::new`] resolves sources and reads them for the cache key, and writes nothing.
//! [`Selection::write`] writes them, or [`Selection::changes`] describes what it would write. Sources and
//! destinations are resolved below their roots, whatever their symbolic links say. The crate expands no variables,
//! looks up no names and fetches nothing.

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

/// A tree with sources.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    /// Its root.
    pub root: &'a Root,
    /// Paths that count as absent.
    pub ignore: Option<&'a Matcher>,
    /// Whether it is the caller's directory, whose owners are not kept.
    pub local: bool,
    /// The remembered contents of its files.
    pub memory: Option<&'a Memory>,
}

/// The sources to copy, and the options.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Sources as written. They may be patterns.
    pub sources: Vec<String>,
    /// Files without a source: name and bytes.
    pub documents: Vec<(String, Vec<u8>)>,
    /// The owner of everything written.
    pub owner: Option<(u32, u32)>,
    /// The mode of everything written.
    pub chmod: Option<Chmod>,
    /// Keep the sources' directories (`--parents`).
    pub parents: bool,
    /// Patterns, relative to each source, of excluded paths.
    pub exclude: Vec<String>,
    /// Unpack archives (ADD).
    pub extract: bool,
    /// The modification time of files without a source: seconds and nanoseconds.
    pub now: (i64, u32),
    /// The limits for unpacking each archive.
    pub limits: Limits,
}
