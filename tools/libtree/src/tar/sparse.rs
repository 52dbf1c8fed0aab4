//! GNU's old sparse files (type `S`): which parts of the file the archive holds. The rest are holes.

use super::BLOCK;
use std::collections::VecDeque;

/// The most parts a map may have.
const MAX_RUNS: usize = 1 << 20;
/// Bytes of one part in a map: offset and length.
const PART: usize = 24;

/// The parts of a sparse file that hold data, and how far it has been read.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    runs: VecDeque<(u64, u64)>,
    at: u64,
    size: u64,
}

impl Sparse {
    /// The map in the header itself, and whether a block of more follows.
    pub(super) fn of_header(
        header: &[u8; BLOCK],
        number: &dyn Fn(&[u8]) -> Option<u64>,
    ) -> Option<(Self, bool)> {
        let mut map = Self { size: number(&header[483..495])?, ..Self::default() };
        map.add(&header[386..482], number)?;
        Some((map, header[482] != 0))
    }

    /// A block that continues the map, and whether another follows.
    pub(super) fn extend(
        &mut self,
        block: &[u8; BLOCK],
        number: &dyn Fn(&[u8]) -> Option<u64>,
    ) -> Option<bool> {
        self.add(&block[..504], number)?;
        Some(block[504] != 0)
    }

    fn add(&mut self, parts: &[u8], number: &dyn Fn(&[u8]) -> Option<u64>) -> Option<()> {
        for part in parts.chunks_exact(PART).take_while(|part| part[0] != 0) {
            let (start, length) = (number(&part[..12])?, number(&part[12..])?);
            let after = self.runs.back().map_or(0, |&(start, length)| start + length);
            let end = start.checked_add(length)?;
            if start < after || end > self.size || self.runs.len() == MAX_RUNS {
                return None;
            }
            if length > 0 {
                self.runs.push_back((start, length));
            }
        }
        Some(())
    }

    /// Length of the file, holes included.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes the archive must hold.
    pub(super) fn stored(&self) -> u64 {
        self.runs.iter().map(|&(_, length)| length).sum()
    }

    /// Bytes of hole from here on.
    pub(super) fn hole(&self) -> u64 {
        self.runs.front().map_or(self.size, |&(start, _)| start).saturating_sub(self.at)
    }

    /// Bytes of data from here on to the next hole.
    pub(super) fn data(&self) -> u64 {
        match self.runs.front() {
            Some(&(start, length)) if start <= self.at => start + length - self.at,
            _ => 0,
        }
    }

    /// Goes on by `count` bytes, within the hole or the data at hand.
    pub(super) fn advance(&mut self, count: u64) {
        self.at += count;
        if self.runs.front().is_some_and(|&(start, length)| start + length == self.at) {
            self.runs.pop_front();
        }
    }
}
