//! Looks into an image: its final tree and the layers that pay for it, the changes of one layer, and the history of a
//! path.

mod branches;
mod files;
mod layer;
mod lookup;
mod text;
pub mod view;
mod why;

#[cfg(test)]
mod tests;

use libcli::Failure;
use libimage::image_cost::image_cost;
use libimage::reading;
use libimage::source::Opened;
use std::io::{self, Write};
use view::{Question, view};

/// The form of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people, with an empty line between two answers.
    Text,
    /// A JSON object on each line.
    Json,
}

/// Reads an image and writes the answers to `questions`. Trees are shown to a depth of `depth` directories.
pub fn show(
    opened: &Opened,
    questions: &[Question],
    depth: usize,
    form: Form,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let ledger = reading::ledger(opened)?;
    let image = image_cost(opened, &ledger);
    for (at, question) in questions.iter().enumerate() {
        let view = view(question, depth, &image, &ledger)?;
        match form {
            Form::Json => json(&view, output)?,
            Form::Text => {
                if at > 0 {
                    writeln!(output)?;
                }
                text::write(&view, &image, output)?;
            }
        }
    }
    Ok(())
}

fn json(view: &view::View, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, view)?;
    writeln!(output)
}
