//! Recognises bytes that deflate cannot compress, much faster than deflating them. It compresses nothing.
//!
//! Deflate gains from two things: bytes of different frequency, and strings that repeat within 32 KiB. Without either
//! (media, archives, keys), it saves less than one hundredth. The probe uses only integers, so that every machine
//! decides the same.

/// How far back deflate finds a string (RFC 1951, 2).
pub(crate) const WINDOW: usize = 32 << 10;
/// How many bytes are judged at once.
pub(crate) const SEGMENT: usize = 32 << 10;
/// A sample of this size nearly always shows that bytes can be compressed.
const SAMPLE: usize = 4 << 10;
/// The logarithm of the number of remembered strings: twice those of a window.
const PLACES: u32 = 12;
/// One of this many strings is remembered, selected by its bytes, so that its repetition is selected too.
const CHOSEN: u32 = 16;

/// Reads one block from its start to its end.
pub(crate) struct Probe<'a> {
    bytes: &'a [u8],
    /// The last position of a string with this hash.
    places: Vec<u32>,
    /// Up to where strings are remembered.
    remembered: usize,
}

impl<'a> Probe<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, places: vec![0; 1 << PLACES], remembered: 0 }
    }

    /// Whether deflate would compress the bytes from `start` to `end`. Calls must be in order.
    pub(crate) fn shrinks(&mut self, start: usize, end: usize) -> bool {
        let segment = &self.bytes[start..end];
        // Few bytes are never evenly distributed.
        let Some(sample) = segment.get(..SAMPLE) else { return true };
        !is_even(sample, 4) || !is_even(segment, 16) || self.repeated(start, end) > segment.len() / 64
    }

    /// About how many bytes from `start` to `end` repeat strings in the window before them.
    fn repeated(&mut self, start: usize, end: usize) -> usize {
        let from = self.remembered.max(start.saturating_sub(WINDOW));
        self.remembered = end;
        let mut found = 0;
        for (at, string) in (from..).zip(self.bytes[from..end].array_windows::<4>()) {
            let hash = u32::from_le_bytes(*string).wrapping_mul(0x9e37_79b1);
            if hash % (1 << 20) >= (1 << 20) / CHOSEN {
                continue;
            }
            let before =
                std::mem::replace(&mut self.places[(hash >> (32 - PLACES)) as usize], at as u32) as usize;
            let near = before < at && at - before <= WINDOW;
            if at >= start && near && self.bytes[before..].starts_with(string) {
                found += CHOSEN as usize;
            }
        }
        found
    }
}

/// Whether the bytes are distributed so evenly that the sum of the squares of their counts is at most one `part`th
/// above the minimum. With a 16th, a code for single bytes saves less than a hundredth.
fn is_even(bytes: &[u8], part: u64) -> bool {
    // Four tables, because equal bytes in a row would wait for each other's count.
    let mut counts = [[0u32; 256]; 4];
    let (fours, rest) = bytes.as_chunks::<4>();
    for four in fours {
        for (count, &byte) in counts.iter_mut().zip(four) {
            count[usize::from(byte)] += 1;
        }
    }
    for &byte in rest {
        counts[0][usize::from(byte)] += 1;
    }
    let [a, b, c, d] = &counts;
    let squares: u64 = (0..256).map(|byte| u64::from(a[byte] + b[byte] + c[byte] + d[byte]).pow(2)).sum();
    let least = (bytes.len() as u64).pow(2) / 256;
    squares <= least + least / part
}

/// Bytes that are as random as a hash.
#[cfg(test)]
pub(crate) fn noise(length: usize) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    (0..length as u64).step_by(32).flat_map(|at| Sha256::digest(at.to_le_bytes())).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrinking(bytes: &[u8]) -> Vec<bool> {
        let mut probe = Probe::new(bytes);
        let ends = (SEGMENT..=bytes.len()).step_by(SEGMENT);
        ends.map(|end| probe.shrinks(end - SEGMENT, end)).collect()
    }

    #[test]
    fn noise_does_not_shrink() {
        assert_eq!(shrinking(&noise(8 * SEGMENT)), [false; 8]);
    }

    #[test]
    fn a_thinner_alphabet_shrinks() {
        let bytes: Vec<u8> = noise(2 * SEGMENT).iter().map(|byte| byte % 200).collect();
        assert_eq!(shrinking(&bytes), [true; 2]);
    }

    #[test]
    fn evenly_spread_bytes_that_come_again_shrink() {
        let counting: Vec<u8> = (0..2 * SEGMENT).map(|at| at as u8).collect();
        assert_eq!(shrinking(&counting), [true; 2]);
        let again = noise(WINDOW - 300).repeat(3);
        assert_eq!(shrinking(&again), [false, true]);
    }

    #[test]
    fn what_came_in_a_part_that_shrinks_anyway_is_remembered() {
        let mut bytes = noise(2 * SEGMENT);
        let (text, copy) = bytes.split_at_mut(SEGMENT);
        text[..8192].fill(b'x');
        copy[..16384].copy_from_slice(&text[16384..]);
        assert_eq!(shrinking(&bytes), [true, true]);
    }

    #[test]
    fn what_came_before_the_window_does_not_count() {
        let mut bytes = noise(4 * SEGMENT);
        bytes.copy_within(..SEGMENT, 3 * SEGMENT);
        assert_eq!(shrinking(&bytes), [false; 4]);
    }
}
