//! Reads an image once. It opens the image wherever it is, follows its layers one by one in a [`ledger::Ledger`], and
//! adds up the cost by instruction in an [`image_cost::ImageCost`]. It unpacks no layer to disk, writes to no store
//! of the user's, judges nothing and prints nothing.

mod aufs;
pub mod blobs;
pub mod content;
pub mod efficiency;
pub mod entries;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod from_cost;
pub mod image_cost;
pub mod instruction;
pub mod layer;
pub mod layer_cost;
pub mod ledger;
mod names;
mod origin;
pub mod packages;
pub mod places;
pub mod reading;
pub mod source;
pub mod walk;
pub mod words;
