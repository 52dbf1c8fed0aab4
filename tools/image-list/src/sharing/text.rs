//! Prints the sums of shared blobs for a terminal or a pipe.

use super::{Pull, Share, SharedLayer, Sharing};
use libcli::{human, sanitise as clean, write_table};
use std::io::{self, Write};

/// The most layers that are listed.
const NAMED: usize = 12;

/// Writes the layers that images share among themselves.
pub fn sharing(it: &Sharing, output: &mut impl Write) -> io::Result<()> {
    let row = |share: &Share| {
        let sizes = [share.size, share.shared, share.unique].map(human);
        let mut row = vec![clean(&share.image)];
        row.extend(sizes);
        row.push(share.with.to_string());
        row
    };
    let rows: Vec<_> = it.images.iter().map(row).collect();
    write_table(&["IMAGE", ">SIZE", ">SHARED", ">UNIQUE", ">WITH"], &rows, output)?;
    writeln!(output, "\n{} together, {} less than apart", human(it.together), human(it.apart - it.together))?;
    if it.shared.is_empty() {
        return Ok(());
    }
    writeln!(output, "\nLayers that several have:")?;
    let row = |layer: &SharedLayer| {
        let names: Vec<String> = layer.of.iter().map(|&at| clean(&it.images[at].image)).collect();
        vec![
            human(layer.bytes),
            layer.images.to_string(),
            layer.digest.hex()[..12].to_owned(),
            names.join(", "),
        ]
    };
    let rows: Vec<_> = it.shared.iter().take(NAMED).map(row).collect();
    write_table(&[">SIZE", ">IMAGES", "BLOB", "OF"], &rows, output)?;
    match it.shared.len().saturating_sub(NAMED) {
        0 => Ok(()),
        others => writeln!(output, "and {others} others that save less"),
    }
}

/// Writes the cost of pulling images.
pub fn pull(pulls: &[Pull], output: &mut impl Write) -> io::Result<()> {
    let row = |it: &Pull| row(&it.image, [it.size, it.pull], it.missing, it.layers);
    write_table(
        &["IMAGE", ">SIZE", ">TO PULL", ">LAYERS"],
        &pulls.iter().map(row).collect::<Vec<_>>(),
        output,
    )
}

/// An image, its bytes, and the bytes and the number of layers that are transferred.
fn row(image: &str, bytes: [u64; 2], missing: usize, layers: usize) -> Vec<String> {
    let [size, sent] = bytes.map(human);
    vec![clean(image), size, sent, format!("{missing} of {layers}")]
}
