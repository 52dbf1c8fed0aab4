//! The name of each format and the tools that make it, as headers and messages say them.

/// A format's words.
pub struct Words {
    /// The header's `format`.
    pub name: &'static str,
    /// Who makes it: `df-parse makes`.
    pub maker: &'static str,
}

/// build-plan(5).
pub const BUILD_PLAN: Words = Words { name: "build-plan", maker: "df-parse makes" };
/// build-record(5).
pub const BUILD_RECORD: Words = Words { name: "build-record", maker: "stage-run and layer-pack make" };
/// layer-changes(5).
pub const LAYER_CHANGES: Words = Words { name: "layer-changes", maker: "layer-diff makes" };
/// All of them.
pub const ALL: [Words; 3] = [BUILD_PLAN, BUILD_RECORD, LAYER_CHANGES];
