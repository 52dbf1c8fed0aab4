//! Packs layer-changes(5) into a layer: the canonical tar, and its compressed form, hashed as it is written.
//!
//! One pass and constant memory. It believes the records and checks them against the files it reads;
//! it decides nothing about what belongs in a layer, and walks no tree.

pub mod compress;
mod deflate;
mod entry;
mod error;
mod gzip;
mod probe;
mod stored;
mod streams;

pub use compress::{Compression, Sink};
pub use error::PackError;
pub use stored::{How, pack_into_store};
pub use streams::Streams;

use entry::{Source, deletion, entry_of};
use libtree::{Owners, Root, tar};
use libwire::Header;
use libwire::changes::{Change, Kind};
use std::io::{self, BufRead, Write};
use std::path::Path;

/// How to pack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Later modification times become this one (SOURCE_DATE_EPOCH with rewritten timestamps).
    pub clamp_mtime: Option<i64>,
}

impl<R: BufRead> Streams<R> {
    /// Packs the rest of the stream that `header` began into `out`. Gives `out` back with the tar's
    /// length in bytes. Without the stream's end record the tar has no end marker either.
    pub fn pack<W: Write>(
        &mut self,
        header: &Header,
        options: Options,
        out: W,
    ) -> Result<(W, u64), PackError> {
        let place = header.extra.get("root").and_then(|root| root.as_str());
        let place = place.filter(|root| root.starts_with('/')).ok_or(PackError::NoRoot)?;
        let root = Root::open(Path::new(place), Owners::Real)
            .map_err(|error| PackError::File { path: place.to_owned(), error })?;
        let mut tar = tar::Writer::new(out);
        let mut last = None;
        while let Some(change) = self.next_change()? {
            append(&mut tar, &root, change, options, self.line(), &mut last)?;
        }
        Ok(tar.finish()?)
    }
}

fn append<W: Write>(
    tar: &mut tar::Writer<W>,
    root: &Root,
    change: Change,
    options: Options,
    line: u64,
    last: &mut Option<Vec<u8>>,
) -> Result<(), PackError> {
    let bad = |what: &str| PackError::Record { record: line, what: what.to_owned() };
    let path = match &change {
        Change::Put(put) => &put.path,
        Change::Delete { path } => path,
    };
    // The root is before all that is in it.
    let key = Some(if path.as_bytes() == b"." { Vec::new() } else { path.as_bytes().to_vec() });
    if key <= *last {
        return Err(bad("its path does not come after the one before; sort the records by path bytes"));
    }
    let is_dir = matches!(&change, Change::Put(put) if matches!(put.kind, Kind::Dir { .. }));
    if path.as_bytes() == b"." && !is_dir {
        return Err(bad("the root of a layer is a directory"));
    }
    *last = key;
    match change {
        Change::Delete { path } => Ok(tar.append(&deletion(path.as_bytes()), &mut io::empty())?),
        Change::Put(put) => {
            let entry = entry_of(&put, options).ok_or_else(|| bad("mode must be four octal digits"))?;
            match put.kind {
                Kind::File { size, source } => {
                    let path = source.as_ref().map_or(&put.path, |source| &source.path);
                    let state = source.as_ref().map(|source| source.state.as_str());
                    let failed = |error| PackError::File { path: path.display().into_owned(), error };
                    let mut file = Source::open(root, path.as_bytes(), size, state).map_err(failed)?;
                    tar.append(&entry, &mut file).map_err(|error| match file.at_fault(&error) {
                        true => failed(error),
                        false => PackError::Io(error),
                    })?;
                    file.check(state).map_err(failed)
                }
                Kind::Dir { opaque: true } => {
                    tar.append(&entry, &mut io::empty())?;
                    let marker = [put.path.as_bytes(), b"/.wh..opq"].concat();
                    Ok(tar.append(&deletion(&marker), &mut io::empty())?)
                }
                _ => Ok(tar.append(&entry, &mut io::empty())?),
            }
        }
    }
}
