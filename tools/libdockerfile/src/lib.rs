//! The grammar of Dockerfiles, for df-parse, and for stage-run, which expands words and reads the triggers of base
//! images.
//!
//! Text in, instructions out. It opens no file, and knows neither the dependencies of stages nor the effect of a
//! step.

pub mod dockerfile;
mod duration;
mod error;
pub mod expand;
pub mod hints;
pub mod instruction;
pub mod lines;
mod modifier;
pub mod mount;
pub mod names;
pub mod ports;
mod print;
mod secret;
pub mod signal;
pub mod sources;
pub mod trigger;
pub mod values;
pub mod words;

pub use dockerfile::{Dockerfile, parse};
pub use error::{ParseError, snippet_of};
pub use lines::MAX_FILE;
pub use secret::names_secret;
