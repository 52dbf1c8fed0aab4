//! Patterns over paths: Go's `filepath.Match`, which COPY's wildcards follow, and `.dockerignore`.
//!
//! Text in, yes or no out: this crate never looks at a file system. Matching takes time in proportion
//! to pattern × path, whatever the pattern.

mod glob;
mod ignore;
mod machine;

pub use glob::{BadPattern, has_wildcards, path_match};
pub use ignore::{BadIgnore, IgnoreFile, Matcher};
