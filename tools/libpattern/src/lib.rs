//! Patterns over paths: Go's `filepath.Match`, which COPY's wildcards follow, and `.dockerignore`.
//!
//! Text in, yes or no out: this crate never reads a file system. The time to match a path is proportional to its
//! length and to the number of patterns that share a text with it, however many others there are.

mod candidates;
mod glob;
mod ignore;
mod machine;
mod pattern;

pub use glob::{BadPattern, has_wildcards, path_match};
pub use ignore::{BadIgnore, IgnoreFile, Matcher};
