//! Answers questions about images, as JSON or as text. Each answer comes from another module; this one judges
//! nothing.

use crate::bounds::Bounds;
use crate::compare::{self, Side};
use crate::picture::{bars::Canvas, html, svg};
use crate::report::Report;
use crate::text;
use libadvice::advice;
use libadvice::what_if::{self, Change};
use libcli::Failure;
use libimage::image_cost::image_cost;
use libimage::ledger::Ledger;
use libimage::source::{Opened, Sources};
use libimage::{reading, source};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A question.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// The cost of each image.
    Reports(Reports),
    /// How the second of two images differs from the first.
    Comparison,
}

/// Reports of images.
#[derive(Clone, Debug)]
pub struct Reports {
    /// The files to draw instead of text.
    pub pictures: Option<Pictures>,
    /// Changes whose cost is shown too, all together, each with its text.
    pub changes: Vec<(String, Change)>,
    /// The bounds for every image.
    pub bounds: Bounds,
    /// Whether to give advice.
    pub advice: bool,
}

/// Files to write pictures to; `-` is the output.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// The file for the layers.
    pub svg: Option<PathBuf>,
    /// The file for the whole report.
    pub html: Option<PathBuf>,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A JSON value for each answer.
    Json,
    /// Text for people, with layers as bars if there is a canvas.
    Text(Option<Canvas>),
}

impl Form {
    /// The width of the terminal, if it is one.
    fn width(self) -> Option<usize> {
        match self {
            Self::Text(canvas) => canvas.map(|canvas| canvas.width),
            Self::Json => None,
        }
    }
}

impl Wanted {
    /// Writes the answer for `images` to `output`. The value is a failure if an image exceeds the bounds, which is
    /// known only after everything is written.
    pub fn show(
        &self,
        images: &[String],
        form: Form,
        sources: &Sources,
        output: &mut impl Write,
    ) -> Result<Result<(), Failure>, Failure> {
        let mut first = true;
        match self {
            Self::Reports(reports) => each(images, sources, reports.bounds, |opened, report, ledger| {
                apart(&mut first, form, output)?;
                reports.show(opened, report, ledger, form, output)
            }),
            Self::Comparison => comparison(images, sources, form, output).map(Ok),
        }
    }
}

/// An empty line between texts.
fn apart(first: &mut bool, form: Form, output: &mut impl Write) -> io::Result<()> {
    match (std::mem::replace(first, false), form) {
        (false, Form::Text(_)) => writeln!(output),
        _ => Ok(()),
    }
}

/// Opens and reads an image.
fn read(name: &str, sources: &Sources) -> Result<(Opened, Ledger), Failure> {
    let opened = source::open(name, sources)?;
    let ledger = reading::ledger(&opened)?;
    Ok((opened, ledger))
}

/// Shows one image after the other, and holds each to the bounds.
fn each(
    images: &[String],
    sources: &Sources,
    bounds: Bounds,
    mut show: impl FnMut(&Opened, &mut Report, &Ledger) -> Result<(), Failure>,
) -> Result<Result<(), Failure>, Failure> {
    let mut beyond = Vec::new();
    for name in images {
        let (opened, ledger) = read(name, sources)?;
        let mut report = Report::of(&opened, &ledger);
        show(&opened, &mut report, &ledger)?;
        beyond.extend(bounds.check(name, &report.cost.totals).err());
    }
    Ok(all(beyond))
}

/// All failures in one, a line each.
fn all(failures: Vec<Failure>) -> Result<(), Failure> {
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else { return Ok(()) };
    let others: String = failures.filter_map(|failure| failure.render("image-report")).collect();
    Err(first.with_detail(others))
}

impl Reports {
    fn show(
        &self,
        opened: &Opened,
        report: &mut Report,
        ledger: &Ledger,
        form: Form,
        output: &mut impl Write,
    ) -> Result<(), Failure> {
        // The layers' picture shows no advice, for which layers may have to be read again.
        if self.advice && self.pictures.as_ref().is_none_or(|pictures| pictures.html.is_some()) {
            report.advice = Some(advice::advise(opened, ledger, &report.cost.instructions)?);
        }
        if !self.changes.is_empty() {
            report.what_if =
                Some(what_if::what_if(opened, ledger, &report.cost.instructions, &self.changes)?);
        }
        match (&self.pictures, form) {
            (Some(pictures), _) => pictures.draw(report, ledger, output),
            (None, Form::Json) => Ok(json(report, output)?),
            (None, Form::Text(canvas)) => Ok(text::write(report, canvas, output)?),
        }
    }
}

impl Pictures {
    fn draw(&self, report: &Report, ledger: &Ledger, output: &mut impl Write) -> Result<(), Failure> {
        if let Some(file) = &self.svg {
            save(svg::svg(report).as_bytes(), file, output)?;
        }
        if let Some(file) = &self.html {
            save(html::page(report, ledger).as_bytes(), file, output)?;
        }
        Ok(())
    }
}

fn save(picture: &[u8], file: &Path, output: &mut impl Write) -> Result<(), Failure> {
    match file.as_os_str() == "-" {
        true => Ok(output.write_all(picture)?),
        false => std::fs::write(file, picture)
            .map_err(|error| Failure::failed(file.to_string_lossy(), format!("cannot be written: {error}"))),
    }
}

fn comparison(
    images: &[String],
    sources: &Sources,
    form: Form,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let side = |name: &String| {
        let (opened, ledger) = read(name, sources)?;
        Ok::<_, Failure>((image_cost(&opened, &ledger), ledger))
    };
    let sides = images.iter().map(side).collect::<Result<Vec<_>, _>>()?;
    let [a, b] = &sides[..] else { return Err(Failure::usage("a comparison needs exactly two images")) };
    let [a, b] = [a, b].map(|(image, ledger)| Side { image, ledger });
    let comparison = compare::compare(a, b);
    put(form, &comparison, |output| compare::text::write(&comparison, form.width(), output), output)
}

fn put<W: Write>(
    form: Form,
    value: &impl Serialize,
    text: impl FnOnce(&mut W) -> io::Result<()>,
    output: &mut W,
) -> Result<(), Failure> {
    Ok(match form {
        Form::Json => json(value, output),
        Form::Text(_) => text(output),
    }?)
}

fn json(value: &impl Serialize, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    writeln!(output)
}
