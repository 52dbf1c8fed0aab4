//! Looking into an image: its final tree and who pays for it, what one layer did, and how a path came to be as it is.

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

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people, with an empty line between two answers.
    Text,
    /// A line of JSON each.
    Json,
}

/// Reads an image and writes the answers to `questions`; trees are shown `depth` directories deep.
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
