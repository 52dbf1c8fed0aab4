//! What can be said about an image beyond its costs: what was found in it, what to change in its Dockerfile, and what it
//! would cost otherwise. Every saving is measured, by packing what would be there. It prints nothing.

pub mod advice;
pub mod findings;
mod repack;
pub mod what_if;
