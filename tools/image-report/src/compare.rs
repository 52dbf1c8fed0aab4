//! Two images side by side: which layers they share, which files only one has or both have but not the same,
//! and the difference in three sentences. All from the ledgers of both; it changes neither.

mod explain;
mod files;
mod layers;
pub mod text;

#[cfg(test)]
mod tests;

pub use files::{Differing, Files, Group, What};
pub use layers::Row;

use libimage::image_cost::{ImageCost, Totals};
use libimage::ledger::Ledger;
use libwire::Digest;
use serde::Serialize;

/// An image as it was read.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What it costs.
    pub image: &'a ImageCost,
    /// Its ledger.
    pub ledger: &'a Ledger,
}

/// How two images differ.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The first.
    pub a: Summary,
    /// The second.
    pub b: Summary,
    /// The difference in three sentences.
    pub explanation: [String; 3],
    /// The layers of both, those that are in both once.
    pub layers: Vec<Row>,
    /// The files of both.
    #[serde(flatten)]
    pub files: Files,
}

/// An image of the two.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// As the user named it.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// Sums over it, as in its report.
    pub totals: Totals,
    /// How many layers it has.
    pub layers: usize,
}

impl Summary {
    fn of(side: Side) -> Self {
        let image = side.image;
        Self {
            image: image.name.clone(),
            digest: image.digest,
            totals: image.totals.clone(),
            layers: image.layers.len(),
        }
    }
}

/// Compares two images.
pub fn compare(a: Side, b: Side) -> Comparison {
    let mut comparison = Comparison {
        a: Summary::of(a),
        b: Summary::of(b),
        explanation: Default::default(),
        layers: layers::rows(a.image, b.image),
        files: files::compare(a.ledger, b.ledger),
    };
    comparison.explanation = explain::explain(&comparison);
    comparison
}
