//! Two images side by side: which layers they share, which files only one has or both have but not the same,
//! and the difference in three sentences. All from the ledgers of both; it changes neither.

mod explain;
mod files;
mod layers;
pub mod text;

#[cfg(test)]
mod tests;

pub use files::{Differing, Group, Sum, What};
pub use layers::Row;

use crate::ledger::Ledger;
use crate::report::{Report, Totals};
use libwire::Digest;
use serde::Serialize;

/// An image as it was read.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Its report.
    pub report: &'a Report,
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
    /// Files that both have, all the same.
    pub same: Sum,
    /// Files that only the first has, by package or directory, the largest first.
    pub only_a: Vec<Group>,
    /// Files that only the second has.
    pub only_b: Vec<Group>,
    /// How many files both have, but not the same.
    pub differ: u64,
    /// Their bytes in the first.
    pub differ_a: u64,
    /// Their bytes in the second.
    pub differ_b: u64,
    /// The first of them, by how much they differ.
    pub differing: Vec<Differing>,
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
        let report = side.report;
        Self {
            image: report.image.clone(),
            digest: report.digest,
            totals: report.totals.clone(),
            layers: report.layers.len(),
        }
    }
}

/// Compares two images.
pub fn compare(a: Side, b: Side) -> Comparison {
    let files = files::compare(a.ledger, b.ledger);
    let mut comparison = Comparison {
        a: Summary::of(a),
        b: Summary::of(b),
        explanation: Default::default(),
        layers: layers::rows(a.report, b.report),
        same: files.same,
        only_a: files.only_a,
        only_b: files.only_b,
        differ: files.differ,
        differ_a: files.differ_a,
        differ_b: files.differ_b,
        differing: files.differing,
    };
    comparison.explanation = explain::explain(&comparison);
    comparison
}
