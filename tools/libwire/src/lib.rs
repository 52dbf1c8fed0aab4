//! The records that cross pipes between the tools: their types, a strict reader and a writer.
//!
//! Every stream is JSON Lines, with a header first and an `end` record last. stagepipe-stream(5) has the rules;
//! build-plan(5), build-record(5) and layer-changes(5) have the members. The crate also has the grammars that the
//! parser and the steps share: references, modes and remote sources. It opens no file, runs nothing and knows no
//! trees.

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
pub mod progress;
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
pub use progress::Progress;
pub use reference::Reference;
pub use span::Span;
pub use stream::{At, Event, Format, Header, Reader, WireError, Writer, expected};
