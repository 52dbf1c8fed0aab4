//! COPY and ADD: their words, the trees that sources are in, and the step. The copying itself is libcopy's.

pub mod checkouts;
pub mod deferred;
pub mod destination;
pub mod downloads;
pub mod expanded;
pub mod files;
pub mod link;
pub mod missing;
pub mod parts;
pub mod reading;
pub mod step;
pub mod views;
