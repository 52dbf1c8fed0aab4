//! Patterns over paths: Go's `filepath.Match`, which COPY's wildcards follow, and `.dockerignore`.
//!
//! Text in, yes or no out: this crate never looks at a file system. Matching a path takes time in proportion
//! to its length and to the patterns that have a text in common with it, however many others there are.

mod candidates;
mod glob;
mod ignore;
mod machine;
mod pattern;

pub use glob::{BadPattern, has_wildcards, path_match};
pub use ignore::{BadIgnore, IgnoreFile, Matcher};
