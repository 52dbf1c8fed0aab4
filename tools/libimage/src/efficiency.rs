//! The efficiency score of dive: the fraction of the layers' bytes that would remain if every path were stored once,
//! at its smallest size. It follows layers like dive and not like an unpacker, so that the figures can be compared.
//! The ledger's own sums are exact where this score is not:
//!
//! - A path is the one in the tar. Links are not followed, and the last of two entries with one path counts.
//! - In each layer only leaves count: entries without other entries below them in that layer.
//! - A whiteout of a directory counts all files below it in the layers so far; one of a file counts 0. A whiteout of
//!   nothing ends the layer: the leaves after it, by name, do not count. If no leaf ever has its path, it also
//!   subtracts one byte from those that would remain.
//! - An opaque directory hides nothing. It is a leaf of 0 bytes if it has no other entry and nothing below it.
//! - A directory without an entry in a layer that has something in it stops being a directory: a whiteout of it
//!   counts 0.

use crate::layer::{Act, Layer};
use crate::places::{PlaceId, Places};
use libtree::root::components;

/// A file's bytes, or a directory, at a path.
#[derive(Clone, Copy, Default, PartialEq)]
struct Node {
    size: u64,
    dir: bool,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    /// The bytes of all leaves with this path, the bytes of the smallest one, and the number of leaves.
    total: u64,
    least: u64,
    times: u32,
    /// Whether a whiteout of it ended a layer because nothing was there.
    ended: bool,
    /// The last layers, from 1, in which it existed, in which it had something below it, and which removed it.
    layer: u32,
    inner: u32,
    whiteout: u32,
    /// Its file or directory in `layer`.
    node: Node,
    /// Its file or directory in the stack of the layers so far.
    stacked: Option<Node>,
}

/// Collects the figures, layer by layer.
#[derive(Default)]
pub struct Efficiency {
    places: Places,
    seen: Vec<Seen>,
    layers: u32,
}

impl Efficiency {
    /// Follows one more layer. Returns false if the layer has more paths than can be counted.
    #[must_use]
    pub fn follow(&mut self, layer: &Layer) -> bool {
        self.layers += 1;
        let (mut nodes, mut whiteouts) = (Vec::new(), Vec::new());
        for item in &layer.items {
            let path = layer.path(item);
            // The root is never counted, even if it is opaque.
            if !path.is_empty() && self.enter(path, item.act, item.size, &mut nodes, &mut whiteouts).is_none()
            {
                return false;
            }
        }
        if self.layers == 1 {
            self.stack(&nodes);
        }
        self.count(&nodes, &whiteouts);
        let (first, last): (Vec<_>, Vec<_>) = whiteouts.iter().partition(|&&place| self.comes_first(place));
        self.unstack(&first);
        self.stack(&nodes);
        self.unstack(&last);
        true
    }

    fn enter(
        &mut self,
        path: &[u8],
        act: Act,
        size: u64,
        nodes: &mut Vec<PlaceId>,
        whiteouts: &mut Vec<PlaceId>,
    ) -> Option<()> {
        let mut place = Places::ROOT;
        let mut parts = components(path).peekable();
        while let Some(part) = parts.next() {
            place = self.places.make(place, part)?;
            self.seen.resize(self.places.count(), Seen::default());
            let seen = &mut self.seen[place as usize];
            let is_last = parts.peek().is_none();
            if is_last && act == Act::Whiteout {
                if seen.whiteout != self.layers {
                    whiteouts.push(place);
                }
                seen.whiteout = self.layers;
                continue;
            }
            if seen.layer != self.layers {
                nodes.push(place);
                (seen.layer, seen.node) = (self.layers, Node::default());
            }
            match is_last {
                true if act == Act::Opaque => {}
                true => seen.node = Node { size, dir: act == Act::Dir },
                false => seen.inner = self.layers,
            }
        }
        Some(())
    }

    /// Counts the leaves, up to the first whiteout of nothing.
    fn count(&mut self, nodes: &[PlaceId], whiteouts: &[PlaceId]) {
        let of_nothing = whiteouts.iter().filter(|&&place| self.seen[place as usize].stacked.is_none());
        let end = of_nothing.map(|&place| (self.raw_path(place, true), place)).min();
        if let Some((_, place)) = end {
            self.seen[place as usize].ended = true;
        }
        let end = end.map(|(path, _)| path);
        let before =
            |all: &Self, place, whiteout| end.as_ref().is_none_or(|end| all.raw_path(place, whiteout) < *end);
        for &place in nodes {
            let seen = self.seen[place as usize];
            if seen.inner != self.layers && before(self, place, false) {
                self.leaf(place, seen.node.size);
            }
        }
        for &place in whiteouts {
            if before(self, place, true) {
                let size = self.removed_by(place);
                self.leaf(place, size);
            }
        }
    }

    fn leaf(&mut self, place: PlaceId, size: u64) {
        let seen = &mut self.seen[place as usize];
        seen.least = if seen.times == 0 { size } else { seen.least.min(size) };
        seen.total += size;
        seen.times += 1;
    }

    /// The bytes that a whiteout counts.
    fn removed_by(&self, place: PlaceId) -> u64 {
        let stacked = |place: PlaceId| self.seen[place as usize].stacked;
        match stacked(place) {
            Some(node) if node.dir => {
                self.places.below(place).filter_map(stacked).map(|node| node.size).sum()
            }
            _ => 0,
        }
    }

    fn stack(&mut self, nodes: &[PlaceId]) {
        for &place in nodes {
            let seen = &mut self.seen[place as usize];
            seen.stacked = Some(seen.node);
        }
    }

    fn unstack(&mut self, whiteouts: &[PlaceId]) {
        for &place in whiteouts {
            self.seen[place as usize].stacked = None;
            for below in self.places.below(place) {
                self.seen[below as usize].stacked = None;
            }
        }
    }

    /// Whether the name of a whiteout comes before the name it removes, because dive reads a layer by name.
    fn comes_first(&self, place: PlaceId) -> bool {
        [b".wh.", self.places.name(place)].concat().as_slice() < self.places.name(place)
    }

    /// The parts of a path, as in the tar.
    fn raw_path(&self, place: PlaceId, whiteout: bool) -> Vec<Vec<u8>> {
        let prefix: &[u8] = if whiteout { b".wh." } else { b"" };
        let mut parts = vec![[prefix, self.places.name(place)].concat()];
        let mut above = self.places.parent(place);
        while let Some(place) = above.filter(|&place| place != Places::ROOT) {
            parts.push(self.places.name(place).to_vec());
            above = self.places.parent(place);
        }
        parts.reverse();
        parts
    }

    /// The score, at most 1. It is below 0 only through the bytes that whiteouts of nothing subtract.
    pub fn score(&self) -> f64 {
        let least: i128 = self
            .seen
            .iter()
            .map(|seen| i128::from(seen.least) - i128::from(seen.ended && seen.times == 0))
            .sum();
        let total: u64 = self.seen.iter().map(|seen| seen.total).sum();
        if total == 0 { 1.0 } else { least as f64 / total as f64 }
    }

    /// The bytes at paths that were stored more than once, which dive calls wasted.
    pub fn wasted(&self) -> u64 {
        self.seen.iter().filter(|seen| seen.times > 1).map(|seen| seen.total).sum()
    }
}

#[cfg(test)]
mod tests;
