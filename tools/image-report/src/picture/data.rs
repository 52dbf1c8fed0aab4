//! The data for the page's script, as JSON that is safe in a script element. The script has the words.

use super::escape::line;
use super::tree::Node;
use super::{SHORT, Span};
use serde::Serialize;

/// The data that `page.js` reads.
#[derive(Serialize)]
struct Data<'a> {
    /// The hue of each layer.
    hues: Vec<usize>,
    layers: Vec<Words>,
    tree: Columns<'a>,
}

/// An instruction.
#[derive(Serialize)]
struct Words {
    place: String,
    text: String,
}

/// The nodes of the tree, with a column for each member. As objects they would take three times as much space.
#[derive(Serialize)]
struct Columns<'a> {
    dir: Vec<u8>,
    files: Vec<u64>,
    layer: Vec<usize>,
    name: Vec<&'a str>,
    parent: Vec<usize>,
    size: Vec<u64>,
}

/// The layers and the tree.
pub(super) fn data(spans: &[Span<'_>], nodes: &[Node]) -> String {
    let words =
        |span: &Span<'_>| Words { place: line(&span.place(), SHORT), text: line(&span.text(), SHORT) };
    let data = Data {
        hues: spans.iter().map(|span| span.hue).collect(),
        layers: spans.iter().map(words).collect(),
        tree: Columns {
            dir: nodes.iter().map(|node| node.dir.into()).collect(),
            files: nodes.iter().map(|node| node.files).collect(),
            layer: nodes.iter().map(|node| node.layer).collect(),
            name: nodes.iter().map(|node| &*node.name).collect(),
            parent: nodes.iter().map(|node| node.parent).collect(),
            size: nodes.iter().map(|node| node.size).collect(),
        },
    };
    // Text and numbers under fixed names can always be written as JSON.
    let json = serde_json::to_string(&data).unwrap_or_default();
    // No `<` may end the element or begin a comment in it. JSON can escape it.
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
