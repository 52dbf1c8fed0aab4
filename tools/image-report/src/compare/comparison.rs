//! The differences between two images, ready to be shown.

use super::files::Files;
use super::layers::Row;
use libimage::image_cost::{ImageCost, Totals};
use libwire::Digest;
use serde::Serialize;

/// The differences between two images.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The first.
    pub a: Summary,
    /// The second.
    pub b: Summary,
    /// The difference in three sentences.
    pub explanation: [String; 3],
    /// The layers of both. A layer that both have occurs once.
    pub layers: Vec<Row>,
    /// The files of both.
    #[serde(flatten)]
    pub files: Files,
}

/// One of the two images.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// As the user named it.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// The sums over it, as in its report.
    pub totals: Totals,
    /// How many layers it has.
    pub layers: usize,
}

impl Summary {
    /// The summary of an image's cost.
    pub(super) fn of(image: &ImageCost) -> Self {
        Self {
            image: image.name.clone(),
            digest: image.digest,
            totals: image.totals.clone(),
            layers: image.layers.len(),
        }
    }
}
