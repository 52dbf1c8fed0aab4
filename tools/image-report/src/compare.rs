//! Compares two images: the layers that they share, the files that only one has or that differ, and the difference in
//! three sentences. It uses the ledgers of both and changes neither.

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

/// An image after reading.
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
