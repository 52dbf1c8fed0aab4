//! The cost of each FROM of an image: it brought everything above it in the order of the image. This module only adds
//! up layers.

use crate::instruction::Instruction;
use crate::layer_cost::LayerCost;
use crate::origin::Origin;
use libwire::provenance::Line;
use serde::Serialize;
use std::borrow::Cow;

/// A FROM, and the layers that it brought.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FromCost {
    /// The instruction and its place.
    #[serde(flatten)]
    pub line: Line,
    /// The name of its image, if it names an image and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whether it belongs to the build of the base image, or of that image's base.
    pub base: bool,
    /// How many instructions it brought. The next one is the first of its own stage.
    pub instructions: usize,
    /// The cost of these instructions.
    #[serde(flatten)]
    pub brought: Brought,
}

/// The lowest layers of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// How many layers there are.
    pub layers: usize,
    /// The bytes of their blobs.
    pub download: u64,
    /// The bytes of their files.
    pub content: u64,
}

impl FromCost {
    /// The place, for people: `Dockerfile:1`, or `base Dockerfile:1`.
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

/// The FROMs in order, and the layers of the base image, if known.
pub fn froms(
    origin: &Origin,
    instructions: &[Instruction],
    layers: &[LayerCost],
) -> (Vec<FromCost>, Option<Brought>) {
    // The sums after each number of instructions.
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
