//! Where an image's history comes from: the Dockerfile and line of each entry. image-assemble keeps it in the store
//! beside the image (stagepipe-store(5), `builds/`). It is not part of the image, and may be lost.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};

/// The lines of a build that made the entries of an image's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The start: the FROM of the stage that is not built on another stage.
    pub base: Base,
    /// The instruction of each history entry after the base's, in order.
    pub steps: Vec<Line>,
    /// The FROMs of the later stages, each built on the one before. The last is that of the image's own stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<FromStage>,
}

/// FROM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// The instruction.
    #[serde(flatten)]
    pub from: Line,
    /// How many history entries it brought.
    pub history: usize,
    /// How many layers it brought.
    pub layers: usize,
    /// The manifest of the base, if that is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The image's name in FROM with variables expanded, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// FROM of an earlier stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FromStage {
    /// The instruction.
    #[serde(flatten)]
    pub from: Line,
    /// How many history entries it brought, including those of that stage's own base.
    pub history: usize,
}

/// An instruction and its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The Dockerfile's name.
    pub dockerfile: String,
    /// The instruction's first line.
    pub line: u32,
    /// The instruction as one logical line.
    pub text: String,
}
