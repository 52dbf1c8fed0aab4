//! Which module of a crate uses which, as its source says it, and where that goes round in a circle. A module is a
//! file. Paths and `use`s are read, not types: whose method is called on a value is not seen.

pub mod circles;
pub mod drawing;
pub mod names;
pub mod source;
pub mod uses;
pub mod workspace;

pub use drawing::Drawing;
