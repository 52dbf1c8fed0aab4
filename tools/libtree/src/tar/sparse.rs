//! Sparse files: the parts of a file that are in the archive. The rest are holes.
//!
//! There are four formats: GNU's old one (type `S`) in header blocks, 0.0 and 0.1 in pax records, and 1.0, which GNU
//! tar and libarchive write, at the start of the body.

use super::BLOCK;
use super::header::{self, Header, REALSIZE};
use super::pax::{PART_KEYS, Record};
use std::collections::VecDeque;
use std::io::{self, Read};

/// The largest number of parts in a map.
const MAX_RUNS: usize = 1 << 20;
/// The size of a part in a map of GNU's old format: offset and length.
const PART: usize = 24;

/// The parts of a sparse file that hold data, and the position of reading.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    runs: VecDeque<(u64, u64)>,
    at: u64,
    size: u64,
    /// The end of the last part.
    mapped: u64,
}

impl Sparse {
    fn new(size: u64) -> Self {
        Self { size, ..Self::default() }
    }

    /// The map in the header itself. Further blocks may follow.
    pub(super) fn of_header(header: &Header) -> Option<Self> {
        let mut map = Self::new(u64::try_from(header.number(&REALSIZE)?).ok()?);
        map.add_parts(header.sparse_parts())?;
        Some(map)
    }

    /// Adds a block that continues the map, and returns whether another follows.
    pub(super) fn extend(&mut self, block: &[u8; BLOCK]) -> Option<bool> {
        self.add_parts(&block[..504])?;
        Some(block[504] != 0)
    }

    fn add_parts(&mut self, parts: &[u8]) -> Option<()> {
        let number = |field: &[u8]| u64::try_from(header::number(field)?).ok();
        for part in parts.chunks_exact(PART).take_while(|part| part[0] != 0) {
            self.add(number(&part[..12])?, number(&part[12..])?)?;
        }
        Some(())
    }

    /// Adds a part, which must come after the earlier ones and end within the file.
    fn add(&mut self, start: u64, length: u64) -> Option<()> {
        let end = start.checked_add(length)?;
        if start < std::mem::replace(&mut self.mapped, end) || end > self.size || self.runs.len() == MAX_RUNS
        {
            return None;
        }
        if length > 0 {
            self.runs.push_back((start, length));
        }
        Some(())
    }

    /// The length of the file, including holes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The bytes that the archive must hold.
    pub(super) fn stored(&self) -> u64 {
        self.runs.iter().map(|&(_, length)| length).sum()
    }

    /// The remaining bytes of the current hole.
    pub(super) fn hole(&self) -> u64 {
        self.runs.front().map_or(self.size, |&(start, _)| start).saturating_sub(self.at)
    }

    /// The remaining bytes of data before the next hole.
    pub(super) fn data(&self) -> u64 {
        match self.runs.front() {
            Some(&(start, length)) if start <= self.at => start + length - self.at,
            _ => 0,
        }
    }

    /// Advances by `count` bytes, within the current hole or data.
    pub(super) fn advance(&mut self, count: u64) {
        self.at += count;
        if self.runs.front().is_some_and(|&(start, length)| start + length == self.at) {
            self.runs.pop_front();
        }
    }
}

/// A sparse file, as in its pax header.
#[derive(Debug)]
pub(super) struct PaxSparse {
    /// The file's name, if the header has another one for readers without sparse files.
    pub name: Option<Vec<u8>>,
    /// The length of the file, including holes.
    pub size: u64,
    map: Map,
}

#[derive(Debug)]
enum Map {
    /// Offsets and lengths, one after the other.
    Numbers(Vec<u64>),
    /// The map is at the start of the body.
    Body,
}

impl PaxSparse {
    /// Finds the records of a sparse file. It is an error if another reader might not see a sparse file in them.
    pub(super) fn of(records: &[Record]) -> Result<Option<Self>, String> {
        let mut keys = records.iter().filter_map(|(key, _)| key.strip_prefix("GNU.sparse.")).peekable();
        if keys.peek().is_none() {
            return Ok(None);
        }
        let value = |name: &str| {
            let same = |key: &str| key.strip_prefix("GNU.sparse.") == Some(name);
            records.iter().find(|(key, _)| same(key)).map(|(_, value)| value.as_slice())
        };
        let bad = || "the pax records of a sparse file are wrong".to_owned();
        let map = match (value("major"), value("minor")) {
            (Some(b"1"), Some(b"0")) if keys.all(|key| !matches!(key, "map" | "offset" | "numbytes")) => {
                Map::Body
            }
            (None, None) | (Some(b"0"), Some(b"0" | b"1")) => {
                let numbers = numbers(records, value("map")).ok_or_else(bad)?;
                let count = decimal(value("numblocks").ok_or_else(bad)?).ok_or_else(bad)?;
                if count.checked_mul(2) != Some(numbers.len() as u64) {
                    return Err(bad());
                }
                Map::Numbers(numbers)
            }
            (Some(b"1"), Some(b"0")) => return Err(bad()),
            _ => {
                return Err("a sparse file of an unknown version; pack it again without --sparse".into());
            }
        };
        let size = match (value("size"), value("realsize")) {
            (Some(one), Some(other)) if one != other => None,
            (size, realsize) => size.or(realsize).and_then(decimal),
        };
        Ok(Some(Self { name: value("name").map(<[u8]>::to_vec), size: size.ok_or_else(bad)?, map }))
    }

    /// The map, and the number of bytes of the body that it takes. A map of format 1.0 is read from the body.
    pub(super) fn read_map(self, body: &mut impl Read) -> io::Result<Option<(Sparse, u64)>> {
        let (numbers, taken) = match self.map {
            Map::Numbers(numbers) => (Some(numbers), 0),
            Map::Body => read_numbers(body)?,
        };
        let fill = |numbers: Vec<u64>| {
            let mut map = Sparse::new(self.size);
            numbers.chunks_exact(2).try_for_each(|part| map.add(part[0], part[1]))?;
            Some((map, taken))
        };
        Ok(numbers.and_then(fill))
    }
}

/// The numbers of a map in pax records: one record with all of them, or two records for each part.
fn numbers(records: &[Record], map: Option<&[u8]>) -> Option<Vec<u64>> {
    let parts = records.iter().filter(|(key, _)| PART_KEYS.contains(&key.as_str()));
    if let Some(map) = map {
        return match parts.count() {
            0 => map.split(|&b| b == b',').map(decimal).collect(),
            _ => None,
        };
    }
    let number = |(at, (key, value)): (usize, &Record)| (key == PART_KEYS[at % 2]).then(|| decimal(value))?;
    let numbers: Vec<u64> = parts.enumerate().map(number).collect::<Option<_>>()?;
    (!numbers.is_empty()).then_some(numbers)
}

/// Reads the map at the start of a body: the number of parts, then offset and length of each, one number a line, in
/// whole blocks. `None` if it is malformed.
fn read_numbers(body: &mut impl Read) -> io::Result<(Option<Vec<u64>>, u64)> {
    let (mut numbers, mut digits) = (Vec::new(), Vec::new());
    let (mut want, mut taken) = (1, 0);
    while numbers.len() < want {
        let mut block = [0; BLOCK];
        body.read_exact(&mut block)?;
        taken += BLOCK as u64;
        for &byte in &block {
            if numbers.len() == want {
                break;
            }
            if byte != b'\n' {
                digits.push(byte);
                continue;
            }
            let Some(number) = decimal(&digits) else { return Ok((None, taken)) };
            digits.clear();
            numbers.push(number);
            if numbers.len() == 1 {
                let runs = usize::try_from(number).ok().filter(|&runs| runs <= MAX_RUNS);
                let Some(runs) = runs else { return Ok((None, taken)) };
                want = 1 + 2 * runs;
            }
        }
        if digits.len() > 20 {
            return Ok((None, taken));
        }
    }
    numbers.remove(0);
    Ok((Some(numbers), taken))
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
