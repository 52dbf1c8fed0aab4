//! The frame around every stream of records: header, records, `end` (stagepipe-stream(5)).
//!
//! `sh` has no pipefail, so the stream itself shows that it is complete. A reader fails if the file ends before
//! `end`, or if the count is wrong. A writer that fails never writes `end`.

mod error;
mod glance;

pub use error::{At, Line, WireError};

use crate::digest::Digest;
use crate::guess;
use crate::shape::{self, Member};
use glance::Glance;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::marker::PhantomData;

/// The longest line a reader accepts, in bytes.
pub const MAX_LINE: u64 = 16 << 20;

/// The types of records: the type, its name for messages, and its members.
pub type Records = &'static [(&'static str, &'static str, &'static [Member])];

/// A record format: its name and version in headers, and the type of its records.
pub trait Format {
    /// The header's `format`.
    const NAME: &'static str;
    /// The version written, and the newest one read.
    const VERSION: u32;
    /// The tools that make it, for messages: `df-parse makes`.
    const MAKER: &'static str;
    /// The types of its records.
    const RECORDS: Records;
    /// Whether an unknown member is an error, because every member affects the result.
    const STRICT: bool;
    /// An enum tagged by `type`.
    type Record: Serialize + DeserializeOwned;

    /// Whether a record must be checked member by member although it could be read, because it may have more than its
    /// `members`, including `type`.
    fn is_odd(record: &Self::Record, members: usize) -> bool;
}

/// The format that a reader expects, and the tools that make it.
pub fn expected<F: Format>() -> String {
    format!("a {} stream, which {}", F::NAME, F::MAKER)
}

/// The first line of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The format of the records.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// Members that a reader must understand. It may ignore others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// The header members of the format.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The events of a reader, in order.
#[derive(Debug)]
pub enum Event<R> {
    /// A stream begins.
    Header(Header),
    /// One record of it.
    Record(R),
    /// The end record. Another stream may follow.
    End,
    /// The stream stopped before its end. Only a reader that is [`Reader::salvaging`] gives this event.
    Cut,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct End {
    pub records: u64,
    /// SHA-256 of all lines before this one, each with its newline, if the writer gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Reads one or several concatenated streams of format `F`.
pub struct Reader<R, F> {
    input: R,
    at: At,
    records: Option<u64>,
    buffer: Vec<u8>,
    salvaging: bool,
    /// Whether the line in the buffer has not been taken yet.
    held: bool,
    /// The digest of this stream's lines, if it is needed.
    hasher: Option<Sha256>,
    unchanged: bool,
    format: PhantomData<F>,
}

impl<R: BufRead, F: Format> Reader<R, F> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        let (buffer, format) = (Vec::new(), PhantomData);
        let (at, salvaging, held, hasher, unchanged) = (At::default(), false, false, None, false);
        Self { input, at, records: None, buffer, salvaging, held, hasher, unchanged, format }
    }

    /// Compares each stream with the digest in its end record, for [`Reader::unchanged`].
    #[must_use]
    pub fn comparing(self) -> Self {
        Self { hasher: Some(Sha256::new()), ..self }
    }

    /// Whether the last stream is, to the byte, the one that a [`Writer::digesting`] wrote. The reader must be
    /// [`Reader::comparing`].
    pub fn unchanged(&self) -> bool {
        self.unchanged
    }

    /// Accepts streams that stop early. Only for tools that show what happened, and make nothing from it.
    #[must_use]
    pub fn salvaging(self) -> Self {
        Self { salvaging: true, ..self }
    }

    /// The place of the last event.
    pub fn at(&self) -> At {
        self.at
    }

    /// The next event, or `None` at the end of the input after a complete stream.
    pub fn next_event(&mut self) -> Result<Option<Event<F::Record>>, WireError> {
        if !self.read_line()? {
            return match self.records {
                Some(_) if self.salvaging => {
                    self.records = None;
                    Ok(Some(Event::Cut))
                }
                None if self.salvaging || self.at.stream > 0 => Ok(None),
                None => Err(self.other(false)),
                Some(_) => Err(WireError::Cut { format: F::NAME, at: self.at }),
            };
        }
        let before = self.at;
        self.at.line = self.records.map_or(Line::Header, |seen| Line::Record(seen + 1));
        let glance = self.glance()?;
        match (glance.kind.as_str(), self.records) {
            ("header", None) => {
                let header: Header = self.parse()?;
                self.at.stream += 1;
                self.check_header(&header)?;
                self.records = Some(0);
                self.hash();
                Ok(Some(Event::Header(strip_type(header))))
            }
            ("header", Some(_)) if self.salvaging => {
                (self.records, self.held, self.at) = (None, true, before);
                Ok(Some(Event::Cut))
            }
            (_, None) => Err(self.other(true)),
            ("end", Some(seen)) => {
                self.at.line = Line::End;
                let End { records, digest } = self.parse()?;
                if records != seen {
                    return Err(self.bad(format!("it counts {records} records, but there are {seen}")));
                }
                self.records = None;
                let found = self.hasher.as_mut().map(Sha256::finalize_reset);
                self.unchanged = found.is_some_and(|found| digest == Some(Digest::from_bytes(found.into())));
                Ok(Some(Event::End))
            }
            (_, Some(seen)) => {
                let record = self.record(&glance)?;
                self.records = Some(seen + 1);
                self.hash();
                Ok(Some(Event::Record(record)))
            }
        }
    }

    /// All records of all streams in the input. For inputs that are always small.
    pub fn read_all(mut self) -> Result<Vec<F::Record>, WireError> {
        let mut all = Vec::new();
        while let Some(event) = self.next_event()? {
            if let Event::Record(record) = event {
                all.push(record);
            }
        }
        Ok(all)
    }

    fn read_line(&mut self) -> Result<bool, WireError> {
        if std::mem::take(&mut self.held) {
            return Ok(true);
        }
        self.buffer.clear();
        let read = io::Read::take(&mut self.input, MAX_LINE).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(false);
        }
        if self.buffer.pop_if(|last| *last == b'\n').is_none() {
            if self.salvaging && (read as u64) < MAX_LINE {
                return Ok(false);
            }
            return Err(match self.records {
                None => self.other(true),
                Some(_) => self.bad(format!("the line after it is cut, or longer than {MAX_LINE} bytes")),
            });
        }
        Ok(true)
    }

    /// Adds the line to the stream's digest.
    fn hash(&mut self) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.buffer);
            hasher.update(b"\n");
        }
    }

    /// A first look at the line. A line that cannot begin a stream gets a message that says what it is.
    fn glance(&mut self) -> Result<Glance, WireError> {
        match serde_json::from_slice(&self.buffer) {
            Ok(glance) => Ok(glance),
            Err(_) if self.records.is_none() => Err(self.other(true)),
            Err(_) if self.buffer.trim_ascii().is_empty() => Err(self.bad("the line is blank")),
            Err(error) => Err(self.bad(format!("the line is not a JSON object with a type: {error}"))),
        }
    }

    /// The record in the line. The place of an error is searched only if there is one.
    fn record(&self, glance: &Glance) -> Result<F::Record, WireError> {
        let record = serde_json::from_slice(&self.buffer);
        match &record {
            Ok(record) if !glance.has_null && !F::is_odd(record, glance.members) => {}
            _ => self.look(&glance.kind)?,
        }
        record.map_err(|error| self.bad(error.to_string()))
    }

    fn look(&self, kind: &str) -> Result<(), WireError> {
        let Some((_, what, members)) = F::RECORDS.iter().find(|(known, ..)| *known == kind) else {
            let known: Vec<_> = F::RECORDS.iter().map(|(known, ..)| *known).collect();
            let what = format!(
                "{kind:?} is not a type of record in a {}; the types are {}",
                F::NAME,
                known.join(", ")
            );
            return Err(self.bad(what));
        };
        match shape::fault(&self.parse()?, what, members, F::STRICT) {
            Some(fault) => Err(WireError::Bad { at: self.at, fault }),
            None => Ok(()),
        }
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        serde_json::from_slice(&self.buffer).map_err(|error| self.bad(error.to_string()))
    }

    fn check_header(&self, header: &Header) -> Result<(), WireError> {
        if header.format != F::NAME {
            return Err(self.expected(guess::stream(&header.format)));
        }
        if header.version == 0 || header.version > F::VERSION {
            return Err(self.bad(format!(
                "{} version {} is not known; this tool reads up to {}",
                F::NAME,
                header.version,
                F::VERSION
            )));
        }
        match header.requires.first() {
            Some(member) => Err(self.bad(format!("the stream requires {member:?}, which is not known here"))),
            None => Ok(()),
        }
    }

    fn bad(&self, what: impl Into<String>) -> WireError {
        WireError::bad(self.at, what)
    }

    /// The error for an input without a header: it has a `line`, or it is empty.
    fn other(&mut self, line: bool) -> WireError {
        let mut beginning = std::mem::take(&mut self.buffer);
        if line {
            beginning.push(b'\n');
        }
        // The next lines may show more.
        beginning.extend_from_slice(self.input.fill_buf().unwrap_or_default());
        if guess::format(&String::from_utf8_lossy(&beginning)).is_some_and(|format| format == F::NAME) {
            return WireError::Cut { format: F::NAME, at: self.at };
        }
        let found = guess::what_is(&beginning);
        match self.at.stream {
            0 => self.expected(found),
            stream => WireError::bad(At { stream: stream + 1, ..self.at }, found),
        }
    }

    fn expected(&self, found: String) -> WireError {
        WireError::Other { found, expected: expected::<F>() }
    }
}

fn strip_type(mut header: Header) -> Header {
    header.extra.remove("type");
    header
}

/// Writes one stream of format `F`, with no line beyond [`MAX_LINE`]. If it is dropped without [`Writer::finish`],
/// there is no `end`.
pub struct Writer<W, F> {
    output: W,
    records: u64,
    hasher: Option<Sha256>,
    format: PhantomData<F>,
}

#[derive(Serialize)]
struct Tagged<'a, T> {
    r#type: &'a str,
    #[serde(flatten)]
    value: T,
}

impl<W: Write, F: Format> Writer<W, F> {
    /// Writes the header, with `extra` members, to `output`.
    pub fn new(output: W, extra: BTreeMap<String, Value>) -> io::Result<Self> {
        Self::requiring(output, Vec::new(), extra)
    }

    /// Writes a header with `requires`: a reader that does not know these names refuses the stream.
    pub fn requiring(output: W, requires: Vec<String>, extra: BTreeMap<String, Value>) -> io::Result<Self> {
        Self { output, records: 0, hasher: None, format: PhantomData }.begin(requires, extra)
    }

    /// Like [`Writer::new`], for a stream whose end record has the digest of all lines before it.
    pub fn digesting(output: W, extra: BTreeMap<String, Value>) -> io::Result<Self> {
        Self { output, records: 0, hasher: Some(Sha256::new()), format: PhantomData }.begin(Vec::new(), extra)
    }

    fn begin(mut self, requires: Vec<String>, extra: BTreeMap<String, Value>) -> io::Result<Self> {
        let header = Header { format: F::NAME.into(), version: F::VERSION, requires, extra };
        self.line(&Tagged { r#type: "header", value: header })?;
        Ok(self)
    }

    /// Writes one record, without a flush: see [`Writer::flush`].
    pub fn write(&mut self, record: &F::Record) -> io::Result<()> {
        self.line(record)?;
        self.records += 1;
        Ok(())
    }

    /// Writes a record that is already a line.
    pub(crate) fn copy(&mut self, line: &[u8]) -> io::Result<()> {
        self.put(line)?;
        self.records += 1;
        Ok(())
    }

    /// How many records have been written.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Leaves the digest out of the end record.
    pub(crate) fn without_digest(self) -> Self {
        Self { hasher: None, ..self }
    }

    /// Hands the records written so far to the reader.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Writes `end`, flushes, and returns the output.
    pub fn finish(mut self) -> io::Result<W> {
        let digest = self.hasher.take().map(|hasher| Digest::from_bytes(hasher.finalize().into()));
        let end = End { records: self.records, digest };
        self.line(&Tagged { r#type: "end", value: end })?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn line<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.put(&line)
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        if line.len() as u64 > MAX_LINE {
            let what = format!(
                "a record of {} bytes is longer than the {MAX_LINE} bytes that readers accept",
                line.len()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(line);
        }
        self.output.write_all(line)
    }
}

#[cfg(test)]
mod tests;
