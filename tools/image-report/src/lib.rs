//! What an image costs, instruction by instruction, and what of it nobody sees.
//!
//! An image is read once, layer by layer, into a [`ledger::Ledger`]; a [`report::Report`] sums it up, and
//! views show that. It never unpacks a layer to disk, changes no image and no store of the user's.

mod advice;
pub mod bounds;
mod compare;
pub mod explore;
mod findings;
pub mod picture;
mod repack;
mod report;
mod sharing;
mod table;
mod text;
pub mod units;
pub mod wanted;
mod what_if;

#[cfg(test)]
mod man_page;
