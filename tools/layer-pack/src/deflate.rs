//! Deflates one block so that the result can be concatenated with those of its neighbours.
//!
//! Bytes that cannot be compressed are written as stored blocks (RFC 1951, 3.2.4): deflate would take as long for
//! them as for others, and save nothing.

use crate::probe::{Probe, SEGMENT, WINDOW};
use flate2::{Compress, Compression, FlushCompress, Status};
use std::io;

/// The largest stored block.
const STORED: usize = 0xffff;

/// Appends the bytes from `start` to `piece`, on a byte boundary at both ends. The bytes before `start` are the
/// dictionary. `last` ends the stream.
pub(crate) fn deflate(
    bytes: &[u8],
    start: usize,
    last: bool,
    level: u32,
    piece: &mut Vec<u8>,
) -> io::Result<()> {
    let runs = runs(bytes, start, level);
    for (number, &(from, to, shrinks)) in runs.iter().enumerate() {
        let last = last && number + 1 == runs.len();
        match shrinks {
            true => compress(bytes, from, to, last, level, piece)?,
            false => store(&bytes[from..to], last, piece),
        }
    }
    Ok(())
}

/// Splits the bytes from `start` into the longest runs that can be compressed as a whole, or not at all. There is at
/// least one.
fn runs(bytes: &[u8], start: usize, level: u32) -> Vec<(usize, usize, bool)> {
    let mut probe = Probe::new(bytes);
    let mut runs: Vec<(usize, usize, bool)> = Vec::new();
    let mut at = start;
    while at < bytes.len() || runs.is_empty() {
        let end = (at + SEGMENT).min(bytes.len());
        let shrinks = level > 0 && probe.shrinks(at, end);
        match runs.last_mut() {
            Some(run) if run.2 == shrinks => run.1 = end,
            _ => runs.push((at, end, shrinks)),
        }
        at = end;
    }
    runs
}

fn store(bytes: &[u8], last: bool, piece: &mut Vec<u8>) {
    let mut rest = bytes;
    loop {
        let (now, later) = rest.split_at(rest.len().min(STORED));
        piece.push(u8::from(last && later.is_empty()));
        piece.extend_from_slice(&(now.len() as u16).to_le_bytes());
        piece.extend_from_slice(&(!(now.len() as u16)).to_le_bytes());
        piece.extend_from_slice(now);
        if later.is_empty() {
            return;
        }
        rest = later;
    }
}

fn compress(
    bytes: &[u8],
    from: usize,
    to: usize,
    last: bool,
    level: u32,
    piece: &mut Vec<u8>,
) -> io::Result<()> {
    // Use a new one each time: after a reset it remembers enough to change the bytes.
    let mut deflater = Compress::new(Compression::new(level), false);
    let dictionary = &bytes[from.saturating_sub(WINDOW)..from];
    if !dictionary.is_empty() {
        deflater.set_dictionary(dictionary)?;
    }
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    let input = &bytes[from..to];
    // Reserve room for everything, at worst an eighth more (RFC 1951, 3.2.6). A full output would interrupt the
    // deflater, which then finds other matches.
    piece.reserve(input.len() + input.len() / 8 + 1024);
    let room = piece.capacity();
    let status = deflater.compress_vec(input, piece, flush)?;
    match deflater.total_in() == input.len() as u64 && piece.len() < room {
        true if !last || status == Status::StreamEnd => Ok(()),
        _ => Err(io::Error::other("a block grew beyond what deflate can make of it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::noise;

    fn deflated(bytes: &[u8], start: usize, level: u32) -> Vec<u8> {
        let mut piece = Vec::new();
        deflate(bytes, start, true, level, &mut piece).unwrap();
        piece
    }

    #[test]
    fn what_cannot_be_shrunk_grows_by_five_bytes_in_64_kib() {
        let noise = noise(1 << 20);
        for level in [0, 1, 6, 9] {
            assert_eq!(deflated(&noise, 0, level).len(), noise.len() + noise.len().div_ceil(STORED) * 5);
        }
    }

    #[test]
    fn what_can_be_shrunk_is_between_parts_that_cannot() {
        let mut bytes = noise(10 * SEGMENT);
        bytes[2 * SEGMENT..8 * SEGMENT].fill(b'x');
        let length = deflated(&bytes, 0, 6).len();
        assert!((4 * SEGMENT..4 * SEGMENT + 1024).contains(&length), "{length}");
    }

    #[test]
    fn what_was_compressed_before_does_not_change_the_bytes() {
        // More than half of it remains, after many matches.
        let bytes: Vec<u8> = noise(1 << 20).iter().map(|byte| byte & 15).collect();
        for level in 1..=9 {
            let mut used = Vec::with_capacity(3 << 20);
            deflate(&bytes, 0, true, level, &mut used).unwrap();
            assert!(used == deflated(&bytes, 0, level), "level {level}");
        }
    }

    #[test]
    fn bytes_before_the_start_are_referred_to() {
        let bytes = noise(WINDOW - 300).repeat(2);
        assert!(deflated(&bytes, bytes.len() / 2, 6).len() < bytes.len() / 50);
    }
}
