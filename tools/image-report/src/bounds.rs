//! The bounds that a user sets for an image, so that machines can decide whether to go on.

use crate::percent::{percent, points};
use libcli::{Failure, human};
use libimage::image_cost::Totals;

/// The bounds. An absent one has no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// The largest download in bytes.
    pub download: Option<u64>,
    /// The largest number of hidden bytes.
    pub hidden: Option<u64>,
    /// The smallest efficiency, in parts of ten thousand.
    pub efficiency: Option<u32>,
}

impl Bounds {
    /// The failure of an image that exceeds them, with the excess.
    pub fn check(&self, image: &str, totals: &Totals) -> Result<(), Failure> {
        let mut beyond = Vec::new();
        for (name, most, is) in [
            ("to download", self.download, totals.download),
            ("paid for and not visible", self.hidden, totals.hidden),
        ] {
            if let Some(most) = most.filter(|&most| is > most) {
                let (is, over, most) = (human(is), human(is - most), human(most));
                beyond.push(format!("{is} {name}, {over} more than {most}"));
            }
        }
        if let Some(least) = self.efficiency.filter(|&least| totals.efficiency < least) {
            let (is, under) = (percent(totals.efficiency), points(least - totals.efficiency));
            beyond.push(format!("efficiency {is}, {under} points less than {}", percent(least)));
        }
        match beyond.is_empty() {
            true => Ok(()),
            false => Err(Failure::failed(image, format!("has {}", beyond.join("; ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_says_by_how_much() {
        let totals = Totals { download: 3_000_000, hidden: 500, efficiency: 9000, ..Totals::default() };
        let bounds = Bounds { download: Some(2_000_000), hidden: Some(500), efficiency: Some(9550) };
        let failure = bounds.check("app", &totals).unwrap_err();
        assert_eq!(
            failure.what(),
            "has 3.0 MB to download, 1.0 MB more than 2.0 MB; efficiency 90.00 %, 5.50 points less than 95.50 %"
        );
        assert!(Bounds::default().check("app", &totals).is_ok());
    }
}
