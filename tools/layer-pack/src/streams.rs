//! Reads one stream of changes after another, until their row is closed.

use crate::error::PackError;
use libwire::changes::{Change, LayerChanges, closes, continues};
use libwire::{At, Event, Format, Header, Reader, WireError};
use std::io::BufRead;

/// The streams of an input.
pub struct Streams<R> {
    reader: Reader<R, LayerChanges>,
    /// Whether the last stream belongs to a row that is not closed yet.
    open: bool,
}

impl<R: BufRead> Streams<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { reader: Reader::new(input).comparing(), open: false }
    }

    /// Whether the last stream is, to the byte, as its first writer wrote it.
    pub(crate) fn unchanged(&self) -> bool {
        self.reader.unchanged()
    }

    /// The place of the last event.
    pub fn at(&self) -> At {
        self.reader.at()
    }

    /// The header of the next stream with a layer; `None` at the end of an input whose rows are closed.
    pub fn next_header(&mut self) -> Result<Option<Header>, PackError> {
        loop {
            match self.reader.next_event()? {
                None if self.open => {
                    return Err(WireError::Open { format: LayerChanges::NAME, at: self.at() }.into());
                }
                None => return Ok(None),
                Some(Event::Header(header)) => {
                    self.open = continues(&header);
                    if !closes(&header) {
                        return Ok(Some(header));
                    }
                    if self.next_change()?.is_some() {
                        return Err(PackError::NoRoot(self.at()));
                    }
                }
                Some(_) => return Err(self.bad("expected a header")),
            }
        }
    }

    /// The next record of a stream; `None` at its end record.
    pub(crate) fn next_change(&mut self) -> Result<Option<Change>, PackError> {
        match self.reader.next_event()? {
            Some(Event::Record(change)) => Ok(Some(change)),
            Some(Event::End) => Ok(None),
            Some(Event::Header(_) | Event::Cut) | None => Err(self.bad("expected an end record")),
        }
    }

    fn bad(&self, what: &str) -> PackError {
        PackError::Record { at: self.at(), what: what.into() }
    }
}
