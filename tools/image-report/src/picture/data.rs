//! What the page's script draws, as JSON that may stand in a script element. It writes; the script has the words.

use super::escape::line;
use super::tree::Node;
use super::{SHORT, Span};
use serde::Serialize;

/// What `page.js` reads.
#[derive(Serialize)]
struct Data<'a> {
    /// Of each layer.
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

/// The nodes of the tree, a column for each of their members: as objects they would take three times as much.
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
    // Text and numbers under names of our own are JSON always.
    let json = serde_json::to_string(&data).unwrap_or_default();
    // No `<` may end the element or begin a comment in it; JSON has another way to write it.
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
