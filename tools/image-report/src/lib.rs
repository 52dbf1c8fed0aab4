//! What an image costs, instruction by instruction, and what of it nobody sees.
//!
//! An image is read once, layer by layer, into a [`ledger::Ledger`]; a [`report::Report`] sums it up, and
//! views show that. It never unpacks a layer to disk, changes no image and no store of the user's.

pub mod advice;
pub mod bounds;
pub mod columns;
pub mod compare;
pub mod efficiency;
pub mod explore;
pub mod findings;
pub mod from;
pub mod instruction;
pub mod layer;
pub mod ledger;
mod names;
pub mod origin;
pub mod packages;
pub mod picture;
pub mod places;
pub mod reading;
pub mod repack;
pub mod report;
pub mod sharing;
pub mod source;
pub mod text;
pub mod wanted;
pub mod what_if;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod man_page;
