//! Turns a Dockerfile into a build-plan(5).
//!
//! It is a pure function of the Dockerfile, the build arguments, the target and the platform. It resolves FROM and
//! the names of stages, keeps every other word as written, and never reads a tree, an image or the network. The
//! grammar is libdockerfile's.

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
