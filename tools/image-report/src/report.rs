//! The report of one image: its cost, its findings, and advice. It has everything that a view prints; a view computes
//! nothing about the image.

use libadvice::advice::Advice;
use libadvice::findings::{self, Finding};
use libadvice::what_if::WhatIf;
use libimage::image_cost::{ImageCost, image_cost};
use libimage::ledger::Ledger;
use libimage::source::Opened;
use serde::Serialize;

/// image-report(5).
pub const FORMAT: &str = "image-report";
/// The format's version.
pub const VERSION: u32 = 1;

/// The cost of an image, and advice on it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The name of this format: `image-report`.
    pub format: &'static str,
    /// Its version. It changes only if a reader of this version would misread it.
    pub version: u32,
    /// The image's cost.
    #[serde(flatten)]
    pub cost: ImageCost,
    /// Other things to look at, largest first.
    pub findings: Vec<Finding>,
    /// The advice, the largest saving first, from [`libadvice::advice::advise`]; `None` if it is not wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Vec<Advice>>,
    /// The cost after changes, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_if: Option<WhatIf>,
}

impl Report {
    /// The report of an image from its ledger, without advice and without the cost after changes.
    pub fn of(opened: &Opened, ledger: &Ledger) -> Self {
        Self {
            format: FORMAT,
            version: VERSION,
            cost: image_cost(opened, ledger),
            findings: findings::find(ledger),
            advice: None,
            what_if: None,
        }
    }

    /// The advice, if it was asked for.
    pub fn advised(&self) -> &[Advice] {
        self.advice.as_deref().unwrap_or_default()
    }

    /// The findings in the image's own layers, and those in layers of its base, which its Dockerfile cannot change;
    /// each largest first.
    pub fn findings_by_origin(&self) -> (Vec<&Finding>, Vec<&Finding>) {
        let base = self.cost.totals.base.map_or(0, |base| base.layers);
        self.findings.iter().partition(|finding| finding.layer > base)
    }
}
