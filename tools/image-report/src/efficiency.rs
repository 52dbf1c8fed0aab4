//! The efficiency score that dive made known: of all bytes ever stored at the paths of an image, the part
//! that would do if each path had been stored once, at its smallest. Kept so that figures compare; the
//! ledger's own sums are exact where this score is not.

use crate::places::{PlaceId, Places};

#[derive(Clone, Copy, Default)]
struct Seen {
    total: u64,
    least: u64,
    times: u32,
    /// The last layer that has something below it, from 1: there it is no leaf.
    inner: u32,
}

/// Collects the figures, layer by layer.
#[derive(Default)]
pub struct Efficiency {
    seen: Vec<Seen>,
    /// What the layer that is being read has.
    layer: Vec<(PlaceId, u64)>,
    layers: u32,
}

impl Efficiency {
    /// An entry that puts `size` bytes.
    pub fn put(&mut self, place: PlaceId, size: u64) {
        self.layer.push((place, size));
    }

    /// A whiteout that removes a directory with `size` bytes below it, or a file (0).
    pub fn whiteout(&mut self, place: PlaceId, size: u64) {
        self.layer.push((place, size));
    }

    /// The layer is read: its leaves count, directories above them don't.
    pub fn end_layer(&mut self, places: &Places) {
        self.layers += 1;
        self.seen.resize(places.count(), Seen::default());
        for &(place, _) in &self.layer {
            let mut above = places.parent(place);
            while let Some(parent) = above {
                let seen = &mut self.seen[parent as usize];
                if seen.inner == self.layers {
                    break;
                }
                seen.inner = self.layers;
                above = places.parent(parent);
            }
        }
        for (place, size) in std::mem::take(&mut self.layer) {
            let seen = &mut self.seen[place as usize];
            if seen.inner != self.layers {
                seen.least = if seen.times == 0 { size } else { seen.least.min(size) };
                seen.total += size;
                seen.times += 1;
            }
        }
    }

    /// The score, from 0 to 1.
    pub fn score(&self) -> f64 {
        let least: u64 = self.seen.iter().map(|seen| seen.least).sum();
        let total: u64 = self.seen.iter().map(|seen| seen.total).sum();
        if total == 0 { 1.0 } else { least as f64 / total as f64 }
    }

    /// Bytes at paths that were stored more than once: what dive calls wasted.
    pub fn wasted(&self) -> u64 {
        self.seen.iter().filter(|seen| seen.times > 1).map(|seen| seen.total).sum()
    }
}
