//! The cost of each FROM of an image: it brought everything above it in the order of the image. This sums layers up and
//! decides nothing.

use crate::instruction::Instruction;
use crate::layer_cost::LayerCost;
use crate::origin::Origin;
use libwire::provenance::Line;
use serde::Serialize;
use std::borrow::Cow;

/// A FROM and what it brought.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FromCost {
    /// The instruction and where it stands.
    #[serde(flatten)]
    pub line: Line,
    /// The name of the image that it is of, if it is, and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whether it is of the base image's own build, or of that one's base.
    pub base: bool,
    /// How many instructions it brought: the next one is the first of its own stage.
    pub instructions: usize,
    /// The cost of these.
    #[serde(flatten)]
    pub brought: Brought,
}

/// The lowest layers of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// How many.
    pub layers: usize,
    /// Bytes of their blobs.
    pub download: u64,
    /// Bytes of their files' content.
    pub content: u64,
}

impl FromCost {
    /// Where it stands, for people: `Dockerfile:1`, or `base Dockerfile:1`.
    pub fn place(&self) -> String {
        let Line { dockerfile, line, .. } = &self.line;
        format!("{}{dockerfile}:{line}", if self.base { "base " } else { "" })
    }

    /// Its text, with the image's name in place of a variable.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.image {
            Some(image) if self.line.text.contains('$') => format!("FROM {image}").into(),
            _ => self.line.text.as_str().into(),
        }
    }
}

/// The FROMs in order, and what came with the base image, if that is known.
pub fn froms(
    origin: &Origin,
    instructions: &[Instruction],
    layers: &[LayerCost],
) -> (Vec<FromCost>, Option<Brought>) {
    // Sums of so many instructions.
    let mut sums = vec![Brought::default()];
    let mut sum = Brought::default();
    for instruction in instructions {
        if let Some(cost) = instruction.layer.and_then(|layer| layers.get(layer - 1)) {
            sum.layers += 1;
            sum.download += cost.download;
            sum.content += cost.content;
        }
        sums.push(sum);
    }
    let brought = |below: usize| sums.get(below).copied().unwrap_or(sum);
    let from = |from: &crate::origin::FromAt| FromCost {
        line: from.line.clone(),
        image: from.image.clone(),
        base: from.base,
        instructions: from.below,
        brought: brought(from.below),
    };
    (origin.froms.iter().map(from).collect(), origin.base.map(brought))
}
