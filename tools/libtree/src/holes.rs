//! Holes of files: finds them without reading, recognises them by zeros, and leaves them where zeros would be
//! written.

use crate::copy::data_at;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

/// Zeros to hash, compress or write in place of a hole.
pub static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
/// Files of at least this length are searched for holes, and this many zeros become a hole.
const WORTH: usize = ZEROS.len();

/// Whether all bytes are zero. [`ZEROS`] itself is recognised without a look at its bytes.
pub fn is_zero(bytes: &[u8]) -> bool {
    let known = std::ptr::eq(bytes.as_ptr(), ZEROS.as_ptr()) && bytes.len() <= ZEROS.len();
    known || bytes.chunks(ZEROS.len()).all(|part| *part == ZEROS[..part.len()])
}

/// The next piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// So many zeros that are not in the buffer.
    Hole(u64),
    /// So many bytes in the buffer; 0 at the end.
    Data(usize),
}

/// A content that is read piece by piece.
pub trait Pieces {
    /// The next piece, its data at the start of `buffer`.
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<Piece>;
}

/// Reads a file from its start, without reading what the file system knows to be holes.
pub struct Extents<'f> {
    file: &'f File,
    at: u64,
    size: u64,
    /// The end of the current data.
    end: u64,
}

impl<'f> Extents<'f> {
    /// Reads a file that should have `size` bytes. If it has more or fewer, it is read to its real end.
    pub fn new(file: &'f File, size: u64) -> Self {
        Self { file, at: 0, size, end: if size < WORTH as u64 { u64::MAX } else { 0 } }
    }
}

impl Pieces for Extents<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        if self.at == self.end {
            let (start, end) = data_at(self.file, self.at, self.size)?;
            // Nothing is known about the part after the expected end.
            self.end = if end == self.size { u64::MAX } else { end };
            let hole = start - std::mem::replace(&mut self.at, start);
            if hole > 0 {
                return Ok(Piece::Hole(hole));
            }
        }
        let want = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        loop {
            match self.file.read_at(&mut buffer[..want], self.at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    self.at += *read.as_ref().unwrap_or(&0) as u64;
                    return read.map(Piece::Data);
                }
            }
        }
    }
}

/// Leaves a hole at the end of `file` in place of the next bytes, and extends the file by them.
pub fn leave_hole(file: &mut File, length: usize) -> io::Result<()> {
    let end = file.seek(SeekFrom::Current(length.try_into().map_err(io::Error::other)?))?;
    file.set_len(end)
}

/// Writes a new file from its start, with holes in place of many zeros.
pub struct HoleWriter<'f> {
    file: &'f mut File,
    /// The number of zeros before the next data.
    hole: u64,
}

impl<'f> HoleWriter<'f> {
    /// Writes to `file`, which is empty.
    pub fn new(file: &'f mut File) -> Self {
        Self { file, hole: 0 }
    }

    /// Leaves a hole.
    pub fn skip(&mut self, count: u64) {
        self.hole += count;
    }

    /// Writes bytes; long runs of zeros among them become holes.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Mostly there are none, so that one write is enough.
        if bytes.len() < WORTH || !bytes.chunks_exact(WORTH).any(is_zero) {
            return self.data(bytes);
        }
        for part in bytes.chunks(WORTH) {
            match part.len() == WORTH && is_zero(part) {
                true => self.skip(part.len() as u64),
                false => self.data(part)?,
            }
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.hole > 0 && !bytes.is_empty() {
            let hole = std::mem::take(&mut self.hole);
            self.file.seek(SeekFrom::Current(hole.try_into().map_err(io::Error::other)?))?;
        }
        self.file.write_all(bytes)
    }

    /// Sets the length of the file, which a hole at its end has not set.
    pub fn finish(self) -> io::Result<()> {
        match self.hole {
            0 => Ok(()),
            hole => {
                let at = self.file.stream_position()?;
                self.file.set_len(at + hole)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    fn written(parts: &[&[u8]]) -> (File, Vec<u8>) {
        let mut file = tempfile::tempfile().unwrap();
        let mut writer = HoleWriter::new(&mut file);
        for part in parts {
            writer.write_all(part).unwrap();
        }
        writer.finish().unwrap();
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        (file, bytes)
    }

    #[test]
    fn zeros_become_holes_and_all_bytes_keep_their_place() {
        let zeros = vec![0; 16 * WORTH];
        let dense: Vec<u8> = (0..3 * WORTH).map(|n| n as u8 | 1).collect();
        for parts in [
            &[&zeros[..]][..],
            &[&dense, &zeros],
            &[&zeros, &dense],
            &[b"x", &zeros, b"y", &zeros[..WORTH - 1], &dense, &zeros, b"z"],
            &[&dense[1..], &zeros[..7]],
        ] {
            let (file, bytes) = written(parts);
            assert!(bytes == parts.concat());
            let kept = file.metadata().unwrap().blocks() * 512;
            assert!(kept < bytes.len() as u64 || bytes.len() < 16 * WORTH, "{kept} of {}", bytes.len());
        }
    }

    #[test]
    fn what_is_read_of_a_file_with_holes_are_its_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        file.set_len(10 << 20).unwrap();
        file.write_all_at(b"middle", 5 << 20).unwrap();
        let (mut bytes, mut holes, mut buffer) = (Vec::new(), 0, vec![1; 1000]);
        for size in [10 << 20, 9 << 20] {
            bytes.clear();
            let mut extents = Extents::new(&file, size);
            loop {
                match extents.next(&mut buffer).unwrap() {
                    Piece::Data(0) => break,
                    Piece::Data(read) => bytes.extend_from_slice(&buffer[..read]),
                    Piece::Hole(length) => {
                        holes += length;
                        bytes.resize(bytes.len() + length as usize, 0);
                    }
                }
            }
            assert_eq!(bytes.len(), 10 << 20, "of a file that should have {size}");
            assert_eq!(&bytes[5 << 20..][..6], b"middle");
        }
        assert!(holes > 9 << 20);
        file.rewind().unwrap();
        assert!(!is_zero(&bytes) && is_zero(&bytes[..5 << 20]));
    }
}
