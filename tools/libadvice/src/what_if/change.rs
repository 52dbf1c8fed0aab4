//! A change to an image, as users write it.

use std::str::FromStr;

/// A change to try.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// One layer with everything that is visible.
    Squash,
    /// No layer ever had this path or anything below it.
    Drop(String),
    /// These layers, counted from 1, become one.
    Merge(usize, usize),
    /// The base's layers, and one layer with the visible files above them, except those for building.
    Multistage,
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = |text: &str| {
            let (first, last) = text.split_once('-')?;
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (1 <= first && first < last).then_some(Self::Merge(first, last))
        };
        let known = match text.split_once('=') {
            None if text == "squash" => Some(Self::Squash),
            None if text == "multistage" => Some(Self::Multistage),
            Some(("drop", path)) if !path.trim_matches('/').is_empty() => Some(Self::Drop(path.to_owned())),
            Some(("merge", layers)) => span(layers),
            _ => None,
        };
        known.ok_or_else(|| format!("{text:?} is not squash, multistage, drop=PATH or merge=3-5"))
    }
}
