//! The name of each format, and the tools that make it, for headers and messages.

/// The words for a format.
pub struct Words {
    /// The header's `format`.
    pub name: &'static str,
    /// The tools that make it, for messages: `df-parse makes`.
    pub maker: &'static str,
}

/// build-plan(5).
pub const BUILD_PLAN: Words = Words { name: "build-plan", maker: "df-parse makes" };
/// build-record(5).
pub const BUILD_RECORD: Words = Words { name: "build-record", maker: "stage-run and layer-pack make" };
/// layer-changes(5).
pub const LAYER_CHANGES: Words = Words { name: "layer-changes", maker: "layer-diff makes" };
/// All formats.
pub const ALL: [Words; 3] = [BUILD_PLAN, BUILD_RECORD, LAYER_CHANGES];
