//! The report of an image: the cost of each instruction, how much of it is hidden, and how two images differ.
//!
//! libimage reads the image and libadvice judges it. This crate shows the results as text, as JSON, as a picture or
//! as a page. It never unpacks a layer to disk, and changes no image and no store of the user's.

pub mod bounds;
mod compare;
pub mod percent;
pub mod picture;
mod report;
mod text;
pub mod wanted;

#[cfg(test)]
mod man_page;
