//! The report of one image: what it costs, what was found in it, what to change. Everything a view prints is in here;
//! a view computes nothing about the image.

use libadvice::advice::Advice;
use libadvice::findings::{self, Finding};
use libadvice::what_if::WhatIf;
use libimage::image_cost::{ImageCost, image_cost};
use libimage::ledger::Ledger;
use libimage::source::Opened;
use serde::Serialize;

/// image-report(5).
pub const FORMAT: &str = "image-report";
/// Of the format.
pub const VERSION: u32 = 1;

/// What an image costs, and what could be done about that.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What this is: `image-report`.
    pub format: &'static str,
    /// Its version; changes only when a reader of this one would go wrong.
    pub version: u32,
    /// What the image costs.
    #[serde(flatten)]
    pub cost: ImageCost,
    /// What else there is to look at, largest first.
    pub findings: Vec<Finding>,
    /// What to change, what saves most first; filled in by [`libadvice::advice::advise`], if that is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Vec<Advice>>,
    /// What it would cost otherwise, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_if: Option<WhatIf>,
}

impl Report {
    /// The report of an image, as far as its ledger tells it: without advice, and without what it would cost otherwise.
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

    /// What is advised, if it was asked.
    pub fn advised(&self) -> &[Advice] {
        self.advice.as_deref().unwrap_or_default()
    }

    /// The findings of the image's own layers, and those of layers that came with its base, which its Dockerfile
    /// can't mend; each largest first.
    pub fn findings_by_origin(&self) -> (Vec<&Finding>, Vec<&Finding>) {
        let base = self.cost.totals.base.map_or(0, |base| base.layers);
        self.findings.iter().partition(|finding| finding.layer > base)
    }
}
