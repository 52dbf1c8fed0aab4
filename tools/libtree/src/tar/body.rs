//! The bytes of the last entry.

use super::reader::Reader;
use super::sparse::Sparse;
use crate::holes::{Piece, Pieces};
use std::io::{self, Read};

/// The body of the last entry.
pub struct Body<'a, R>(&'a mut Reader<R>);

impl<'a, R> Body<'a, R> {
    pub(super) fn new(reader: &'a mut Reader<R>) -> Self {
        Self(reader)
    }
}

impl<R: Read> Pieces for Body<'_, R> {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        match self.0.sparse.as_mut().map(|sparse| (sparse.hole(), sparse)) {
            Some((hole, sparse)) if hole > 0 => {
                sparse.advance(hole);
                Ok(Piece::Hole(hole))
            }
            _ => self.read(buffer).map(Piece::Data),
        }
    }
}

/// Reads the whole body, with zeros for the holes of a sparse file.
impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let within = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
        let hole = within(self.0.sparse.as_ref().map_or(0, Sparse::hole));
        let want = within(self.0.sparse.as_ref().map_or(self.0.left, Sparse::data));
        let read = match hole {
            0 if want == 0 => return Ok(0),
            0 => self.0.input.read(&mut buffer[..want])?,
            _ => 0,
        };
        if hole > 0 {
            buffer[..hole].fill(0);
        } else if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off in this entry"));
        }
        self.0.left -= read as u64;
        if let Some(sparse) = &mut self.0.sparse {
            sparse.advance((hole + read) as u64);
        }
        Ok(hole + read)
    }
}
