//! Whether what the pictures draw can be told apart: contrast as WCAG 2.2 measures it, and how far two colours are
//! from each other in eyes that lack one kind of cones. It measures colours, and reads those of a style sheet; what
//! has to stand out from what is in its tests.

pub mod colour;
pub mod eyes;
pub mod sheet;

#[cfg(test)]
mod tests;
