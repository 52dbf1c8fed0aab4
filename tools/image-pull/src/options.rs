//! The options of a pull.

use libwire::Platform;

/// The policy for asking the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Always.
    Always,
    /// Always, but with the store's image if the registry can't be asked.
    Newer,
    /// If the store does not have the image.
    Missing,
    /// Never.
    Never,
}

/// The options of a pull.
#[derive(Clone, Debug)]
pub struct Options {
    /// The platform to choose in an index.
    pub platform: Platform,
    /// The policy for asking the registry.
    pub policy: Policy,
    /// Whether to show the progress.
    pub progress: bool,
    /// Writes a warning.
    pub warn: fn(&str),
}
