//! The records that cross pipes between the tools: their types, one strict reader and one writer.
//!
//! Every stream is JSON Lines with a header first and an `end` record last; the rules are in
//! stagepipe-stream(5), the members in build-plan(5), build-record(5) and layer-changes(5).
//! Besides there are the grammars that the parser and the steps share: references, modes, what is remote.
//! This crate opens no file, runs nothing and knows nothing of trees.

pub mod changes;
pub mod compression;
pub mod digest;
pub mod fetch;
mod formats;
pub mod guess;
pub mod image;
pub mod lock;
pub mod mode;
pub mod packing;
pub mod path;
pub mod plan;
pub mod platform;
pub mod provenance;
pub mod record;
pub mod reference;
pub mod remote;
pub mod shape;
pub mod span;
pub mod stream;
pub mod time;

pub use compression::Compression;
pub use digest::Digest;
pub use mode::Chmod;
pub use packing::Packing;
pub use path::WirePath;
pub use platform::Platform;
pub use reference::Reference;
pub use span::Span;
pub use stream::{At, Event, Format, Header, Reader, WireError, Writer, expected};
