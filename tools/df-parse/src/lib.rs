//! Reads a Dockerfile and says what is to be built: build-plan(5).
//!
//! A pure function of the Dockerfile, the build arguments, the target and the platform. It resolves FROM
//! and the names of stages, keeps every other word as it is written, and never looks at a tree, an
//! image or the network. The grammar is libdockerfile's.

mod args;
pub mod bases;
pub mod check;
mod epoch;
mod expanded;
mod front_end;
mod impossible;
pub mod job;
mod known_state;
mod layers;
mod options;
mod order;
mod outline;
mod plan;
mod refusals;
pub mod summary;
mod tables;
mod until;

pub use options::{Extent, Options};
pub use plan::plan;
