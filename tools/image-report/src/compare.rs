//! Two images side by side: which layers they share, which files only one has or both have but not the same,
//! and the difference in three sentences. All from the ledgers of both; it changes neither.

mod comparison;
mod explain;
mod files;
mod layers;
pub mod text;

#[cfg(test)]
mod tests;

use comparison::{Comparison, Summary};
use libimage::image_cost::ImageCost;
use libimage::ledger::Ledger;

/// An image as it was read.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The image and its costs.
    pub image: &'a ImageCost,
    /// Its ledger.
    pub ledger: &'a Ledger,
}

/// Compares two images.
pub fn compare(a: Side, b: Side) -> Comparison {
    let mut comparison = Comparison {
        a: Summary::of(a.image),
        b: Summary::of(b.image),
        explanation: Default::default(),
        layers: layers::rows(a.image, b.image),
        files: files::compare(a.ledger, b.ledger),
    };
    comparison.explanation = explain::explain(&comparison);
    comparison
}
