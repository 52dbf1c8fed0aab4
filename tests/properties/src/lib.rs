//! What must hold for any input: one function a property, from bytes to a panic where it does not hold.
//!
//! Bytes are either the input itself or choices from which one is made (`choices`), so that `cargo test`
//! and the coverage-guided targets of `fuzz/` share generators, models and properties. No tool uses this.

mod archive;
mod challenge;
mod choices;
mod dockerfile;
mod expansion;
mod ignore;
mod names;
mod records;
mod sparse;
mod trace;

pub use archive::{archive, archive_bytes};
pub use challenge::{challenge, challenge_text};
pub use dockerfile::{dockerfile, dockerfile_text};
pub use expansion::{expansion, expansion_text, variables_for_bash, word_for_bash};
pub use ignore::ignore;
pub use names::{lock, lock_text, name, name_text, users};
pub use records::{changes, image, image_members, records_text};
pub use sparse::sparse_archive;
pub use trace::{trace, trace_text};
