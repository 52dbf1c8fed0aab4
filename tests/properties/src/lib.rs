//! What must hold for any input: one function a property, from bytes to a panic where it does not hold.
//!
//! Bytes are either the input itself or choices from which one is made (`choices`), so that `cargo test`
//! and the coverage-guided targets of `fuzz/` share generators, models and properties. No tool uses this.

mod choices;
mod dockerfile;
mod ignore;

pub use dockerfile::{dockerfile, dockerfile_text};
pub use ignore::ignore;
