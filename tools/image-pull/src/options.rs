//! The options of a pull.

use libwire::Platform;

/// When a registry is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Always.
    Always,
    /// Always; if it can't be, what the store has will do.
    Newer,
    /// When the store does not have the image.
    Missing,
    /// Never.
    Never,
}

/// How to pull.
#[derive(Clone, Debug)]
pub struct Options {
    /// The platform to take of an index.
    pub platform: Platform,
    /// When a registry is asked.
    pub policy: Policy,
    /// Whether to show the progress.
    pub progress: bool,
    /// Writes a warning.
    pub warn: fn(&str),
}
