//! Questions about an image's files, and their answers, ready to be shown. Each answer is made from the ledger; none
//! reads the image again.

use crate::{files, layer, why};
use libcli::Failure;
use libimage::image_cost::ImageCost;
use libimage::ledger::Ledger;
use serde::Serialize;

/// A question about an image's files.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// The final tree below a path.
    Files(Vec<u8>),
    /// The changes of a layer, from 1.
    Layer(usize),
    /// How a path came to be as it is.
    Why(Vec<u8>),
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum View {
    /// To [`Question::Files`].
    Files(files::Files),
    /// To [`Question::Layer`].
    Layer(Box<layer::Contents>),
    /// To [`Question::Why`].
    Why(why::Why),
}

/// Answers a question; trees are shown `depth` directories deep.
pub fn view(question: &Question, depth: usize, image: &ImageCost, ledger: &Ledger) -> Result<View, Failure> {
    Ok(match question {
        Question::Files(path) => View::Files(files::files(image, ledger, path, depth)?),
        Question::Layer(number) => View::Layer(Box::new(layer::contents(image, ledger, *number, depth)?)),
        Question::Why(path) => View::Why(why::why(image, ledger, path)?),
    })
}
