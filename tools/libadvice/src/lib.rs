//! Judges an image: findings, advice on its Dockerfile, and its cost if it were built otherwise. Every saving is measured
//! by packing the entries that would be there. This prints nothing.

pub mod advice;
pub mod findings;
mod repack;
pub mod what_if;
