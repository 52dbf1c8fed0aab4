//! Looking into an image: its final tree, what one layer did, and how a path came to be as it is. Each view is
//! made from the ledger, ready to be shown; none reads the image again.

pub mod branches;
pub mod files;
pub mod layer;
pub mod near;
pub mod text;
pub mod why;

#[cfg(test)]
mod tests;

use libcli::Failure;
use libimage::image_cost::ImageCost;
use libimage::ledger::Ledger;
use serde::Serialize;

/// Which view.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// The final tree below a path.
    Files(Vec<u8>),
    /// What a layer did, from 1.
    Layer(usize),
    /// How a path came to be as it is.
    Why(Vec<u8>),
}

/// A view, as it is shown.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum View {
    /// See [`Ask::Files`].
    Files(files::Files),
    /// See [`Ask::Layer`].
    Layer(Box<layer::Contents>),
    /// See [`Ask::Why`].
    Why(why::Why),
}

/// Makes the view that is asked for, of directories `depth` deep.
pub fn view(ask: &Ask, depth: usize, image: &ImageCost, ledger: &Ledger) -> Result<View, Failure> {
    Ok(match ask {
        Ask::Files(path) => View::Files(files::files(image, ledger, path, depth)?),
        Ask::Layer(number) => View::Layer(Box::new(layer::contents(image, ledger, *number, depth)?)),
        Ask::Why(path) => View::Why(why::why(image, ledger, path)?),
    })
}
