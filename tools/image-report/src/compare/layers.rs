//! Matches the layers of two images by the digests of their tars. It reads only their costs.

use libimage::image_cost::ImageCost;
use libimage::instruction::Instruction;
use libimage::layer_cost::LayerCost;
use libwire::Digest;
use serde::Serialize;

/// A layer of one image or of both.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its position in the first image, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a: Option<usize>,
    /// Its position in the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b: Option<usize>,
    /// The digest of its tar.
    pub diff_id: Digest,
    /// The bytes to download, in the image that has it; if both do, in the first.
    pub download: u64,
    /// Whether both have the same blob, so that a node with one image need not download it for the other.
    pub same_blob: bool,
    /// Bytes of its files' content.
    pub content: u64,
    /// The instruction that made it, in the image that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<Instruction>,
}

/// A row for each layer, in the order of the first image. Layers that only the second has come before the next layer
/// that both have.
pub fn rows(a: &ImageCost, b: &ImageCost) -> Vec<Row> {
    let mut alone: Vec<Option<&LayerCost>> = b.layers.iter().map(Some).collect();
    let mut twin = |layer: &LayerCost| {
        let same = |other: &Option<&LayerCost>| other.is_some_and(|other| other.diff_id == layer.diff_id);
        alone.iter().position(same).and_then(|at| alone[at].take())
    };
    let twins: Vec<Option<&LayerCost>> = a.layers.iter().map(&mut twin).collect();
    let mut rows = Vec::new();
    for (layer, twin) in a.layers.iter().zip(twins) {
        let before = twin.map_or(0, |twin| twin.layer - 1);
        let before = alone.iter_mut().take(before).filter_map(Option::take);
        rows.extend(before.map(|other| Row { a: None, b: Some(other.layer), ..row(other, b) }));
        rows.push(Row {
            b: twin.map(|twin| twin.layer),
            same_blob: twin.is_some_and(|twin| twin.digest == layer.digest),
            ..row(layer, a)
        });
    }
    let rest = alone.into_iter().flatten();
    rows.extend(rest.map(|other| Row { a: None, b: Some(other.layer), ..row(other, b) }));
    rows
}

fn row(layer: &LayerCost, image: &ImageCost) -> Row {
    Row {
        a: Some(layer.layer),
        b: None,
        diff_id: layer.diff_id,
        download: layer.download,
        same_blob: false,
        content: layer.content,
        instruction: image.instruction_of(layer.layer).cloned(),
    }
}
