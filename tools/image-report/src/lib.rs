//! What an image costs, instruction by instruction, and what of it nobody sees.
//!
//! An image is read once, layer by layer, into a [`ledger::Ledger`]; a [`report::Report`] sums it up, and
//! views show that. It never unpacks a layer to disk, changes no image and no store of the user's.

pub mod bounds;
mod compare;
pub mod percent;
pub mod picture;
mod push;
mod report;
mod text;
pub mod wanted;

#[cfg(test)]
mod man_page;
