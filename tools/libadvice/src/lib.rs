//! Judges an image: findings, advice for its Dockerfile, and its cost after changes. Every saving is measured by
//! packing the new layers. It prints nothing.

pub mod advice;
pub mod findings;
mod repack;
pub mod what_if;
