//! Reads a Dockerfile and says what is to be built: build-plan(5).
//!
//! A pure function of the Dockerfile, the build arguments, the target and the platform. It resolves FROM
//! and the names of stages, keeps every other word as it is written, and never looks at a tree, an
//! image or the network. The grammar is libdockerfile's.

mod args;
pub mod bases;
pub mod check;
mod epoch;
mod followed;
pub mod job;
mod layers;
mod literal;
mod order;
mod outline;
mod plan;
pub mod summary;
mod syntax;
mod tables;
mod until;

pub use plan::{Options, plan};
