//! What an image costs, instruction by instruction, and what of it nobody sees.
//!
//! An image is read once, layer by layer, into a [`ledger::Ledger`]; a [`report::Report`] sums it up, and
//! views show that. It never unpacks a layer to disk, changes no image and no store of the user's.

mod advice;
mod aufs;
pub mod bounds;
mod compare;
mod content;
mod efficiency;
pub mod explore;
mod findings;
mod from_cost;
mod image_cost;
mod instruction;
pub mod layer;
mod layer_cost;
pub mod ledger;
mod names;
mod origin;
mod packages;
pub mod picture;
pub mod places;
mod reading;
mod repack;
mod report;
mod sharing;
pub mod source;
mod table;
mod text;
pub mod units;
pub mod wanted;
mod what_if;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod man_page;
