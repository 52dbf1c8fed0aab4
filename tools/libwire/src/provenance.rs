//! Where an image's history comes from: which line of which Dockerfile made each entry. image-assemble keeps
//! it in the store beside the image (stagepipe-store(5), `builds/`); it is no part of the image, and may be lost.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};

/// The build of an image, as far as its history needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What it began with: FROM of the stage that stands on no other.
    pub base: Base,
    /// The instruction of each history entry behind the base's, in order.
    pub steps: Vec<Line>,
    /// FROM of the stages that stand on that one, each on the one before; the last is the image's own.
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
    /// The base image's manifest, when it is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The name that led to it, variables expanded, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// FROM of an earlier stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FromStage {
    /// The instruction.
    #[serde(flatten)]
    pub from: Line,
    /// How many history entries it brought, those of that stage's own base too.
    pub history: usize,
}

/// An instruction and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The Dockerfile's name.
    pub dockerfile: String,
    /// The instruction's first line.
    pub line: u32,
    /// The instruction as one logical line.
    pub text: String,
}
