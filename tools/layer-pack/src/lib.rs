//! Packs layer-changes(5) into a layer: the canonical tar and its compressed form, hashed while it is written.
//!
//! It takes one pass, and 8 bytes of memory for each file. It compares the records with the files it reads. It does
//! not decide what belongs in a layer, and walks no tree.

pub mod compress;
mod deflate;
mod entry;
mod error;
mod gzip;
mod overrides;
mod places;
mod probe;
mod progress;
mod stored;
mod streams;

pub use compress::Sink;
pub use error::PackError;
pub use libwire::Compression;
pub use overrides::Overrides;
pub use stored::{How, pack_into_store, tell_none};
pub use streams::Streams;

use entry::{Source, deletion, entry_of};
use libtree::tar::{self, Entry, Limits};
use libtree::{Owners, Root};
use libwire::changes::{Change, Kind, Put};
use libwire::{At, Header};
use places::Places;
use progress::Progress;
use std::io::{self, BufRead, Write};
use std::path::Path;

/// The options for packing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The time that replaces later modification times (SOURCE_DATE_EPOCH with rewritten timestamps).
    pub clamp_mtime: Option<i64>,
    /// The largest layer. Readers refuse larger ones.
    pub limits: Limits,
    /// Called now and then with a line about the progress of a layer.
    pub tell: Option<fn(&str)>,
}

/// The id of the snapshot whose changes a stream has; empty if the stream does not say.
fn snapshot(header: &Header) -> String {
    header.extra.get("snapshot").and_then(|id| id.as_str()).unwrap_or_default().to_owned()
}

/// The most bytes that an entry takes in addition to its body: headers, padding, and the end of the tar.
const MARGIN: u64 = 1 << 21;
/// The size of a read in bytes.
const BUFFER: usize = 1 << 17;

impl<R: BufRead> Streams<R> {
    /// Packs the rest of the stream that `header` began into `out`. The tar has no end marker yet, so that a caller
    /// can wait for further input before it completes the tar.
    pub fn pack<W: Write>(
        &mut self,
        header: &Header,
        options: Options,
        out: W,
    ) -> Result<Packed<W>, PackError> {
        let place = header.extra.get("root").and_then(|root| root.as_str());
        let place = place.filter(|root| root.starts_with('/')).ok_or(PackError::NoRoot(self.at()))?;
        let root = Root::open(Path::new(place), Owners::Real)
            .map_err(|error| PackError::File { path: place.to_owned(), error })?;
        let mut packer = Packer {
            tar: tar::Writer::new(out),
            root,
            options,
            progress: Progress::new(options.tell, snapshot(header)),
            buffer: vec![0; BUFFER],
            entries: 0,
            content_size: 0,
            places: Places::default(),
        };
        while let Some(change) = self.next_change()? {
            packer.change(change, self.at())?;
        }
        Ok(Packed { tar: packer.tar, content_size: packer.content_size })
    }
}

/// A packed layer without the end marker of its tar.
pub struct Packed<W: Write> {
    /// The tar.
    pub tar: tar::Writer<W>,
    /// The bytes of its files. A file with several names counts once.
    pub content_size: u64,
}

/// A layer being packed.
struct Packer<W: Write> {
    tar: tar::Writer<W>,
    root: Root,
    options: Options,
    progress: Progress,
    buffer: Vec<u8>,
    entries: u64,
    content_size: u64,
    places: Places,
}

impl<W: Write> Packer<W> {
    fn change(&mut self, change: Change, at: At) -> Result<(), PackError> {
        let bad = |what| PackError::Record { at, what };
        self.places.take(&change).map_err(bad)?;
        match change {
            Change::Delete { path } => self.bare(&deletion(path.as_bytes())),
            Change::Put(put) => {
                let entry = entry_of(&put, self.options.clamp_mtime)
                    .ok_or_else(|| bad("mode must be four octal digits".into()))?;
                match &put.kind {
                    Kind::File { size, source } => self.file(&put, &entry, *size, source.as_deref()),
                    Kind::Dir { opaque: true } => {
                        self.bare(&entry)?;
                        self.bare(&deletion(&[put.path.as_bytes(), b"/.wh..opq"].concat()))
                    }
                    _ => self.bare(&entry),
                }
            }
        }
    }

    fn file(
        &mut self,
        put: &Put,
        entry: &Entry,
        size: u64,
        source: Option<&libwire::changes::Source>,
    ) -> Result<(), PackError> {
        self.check(entry)?;
        self.content_size += size;
        let path = source.map_or(&put.path, |source| &source.path);
        let state = source.map(|source| source.state.as_str());
        let failed = |error| PackError::File { path: path.display().into_owned(), error };
        let mut file = Source::open(&self.root, path.as_bytes(), size, state).map_err(failed)?;
        let mut pieces = file.pieces(put.path.as_bytes(), &mut self.progress);
        let appended = self.tar.append_pieces(entry, &mut pieces, &mut self.buffer);
        appended.map_err(|error| match file.at_fault(&error) {
            true => failed(error),
            false => PackError::Io(error),
        })?;
        file.check(state).map_err(failed)
    }

    /// Appends an entry that has no body.
    fn bare(&mut self, entry: &Entry) -> Result<(), PackError> {
        self.check(entry)?;
        Ok(self.tar.append(entry, &mut io::empty())?)
    }

    /// Refuses an entry that makes the layer too large for its readers.
    fn check(&mut self, entry: &Entry) -> Result<(), PackError> {
        self.entries += 1;
        let bytes = self.tar.written().saturating_add(entry.size).saturating_add(MARGIN);
        self.options.limits.check(bytes, self.entries).map_err(|what| PackError::TooMuch {
            path: String::from_utf8_lossy(&entry.path).into_owned(),
            size: entry.size,
            what,
        })
    }
}
