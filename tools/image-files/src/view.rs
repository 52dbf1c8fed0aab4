//! Questions about an image's files, and their answers, ready to be shown. Each answer comes from the ledger; the
//! image is not read again.

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
    /// The history of a path.
    Why(Vec<u8>),
}

/// The answer to a question.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum View {
    /// The answer to [`Question::Files`].
    Files(files::Files),
    /// The answer to [`Question::Layer`].
    Layer(Box<layer::Contents>),
    /// The answer to [`Question::Why`].
    Why(why::Why),
}

/// Answers a question. Trees are shown to a depth of `depth` directories.
pub fn view(question: &Question, depth: usize, image: &ImageCost, ledger: &Ledger) -> Result<View, Failure> {
    Ok(match question {
        Question::Files(path) => View::Files(files::files(image, ledger, path, depth)?),
        Question::Layer(number) => View::Layer(Box::new(layer::contents(image, ledger, *number, depth)?)),
        Question::Why(path) => View::Why(why::why(image, ledger, path)?),
    })
}
