//! What can be asked about an image's files, and the answers, ready to be shown. Each is made from the ledger; none reads
//! the image again.

use crate::{files, layer, why};
use libcli::Failure;
use libimage::image_cost::ImageCost;
use libimage::ledger::Ledger;
use serde::Serialize;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// What the final tree has below a path.
    Files(Vec<u8>),
    /// What a layer did, from 1.
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
