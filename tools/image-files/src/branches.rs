//! Adds up bytes over the tree, like du: each directory of an image or a layer with everything below it, the largest
//! first. It counts the leaves that it gets and judges nothing.

use libimage::layer::Act;
use libimage::ledger::{Ledger, Put};
use libimage::places::PlaceId;
use libwire::WirePath;
use libwire::changes::Target;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Bytes that count at a place.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    /// The place.
    pub place: PlaceId,
    /// The layer that pays, from 0.
    pub layer: u16,
    /// The number of bytes.
    pub bytes: u64,
}

/// A directory or file, with everything below it.
#[derive(Clone, Debug, Serialize)]
pub struct Branch {
    /// The path; the root is `.`.
    #[serde(flatten)]
    pub path: WirePath,
    /// The depth below the path that was asked for.
    pub depth: usize,
    /// The bytes of it and everything below.
    pub bytes: u64,
    /// The number of files, directories and links, including itself.
    pub entries: u64,
    /// The layers that pay for the bytes, the one that pays most first.
    pub layers: Vec<Share>,
    /// The entry there.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub is: Option<Entry>,
}

/// The part of the bytes that a layer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The layer, from 1.
    pub layer: usize,
    /// Bytes.
    pub bytes: u64,
}

/// An entry of the image.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// `file`, `dir`, `symlink`, `hardlink` or `special`.
    pub kind: &'static str,
    /// Four octal digits.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// A symbolic link's target.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

impl Entry {
    /// The entry that a put made.
    pub fn of(ledger: &Ledger, put: &Put) -> Self {
        Self {
            kind: kind(put.act),
            mode: format!("{:04o}", put.mode & 0o7777),
            uid: put.owner.0,
            gid: put.owner.1,
            target: (put.act == Act::Symlink).then(|| Target(ledger.link(put).to_vec())),
        }
    }
}

/// An act as records call what it makes.
fn kind(act: Act) -> &'static str {
    match act {
        Act::File => "file",
        Act::Dir => "dir",
        Act::Symlink => "symlink",
        Act::Hardlink => "hardlink",
        Act::Special => "special",
        Act::Whiteout | Act::Opaque => "whiteout",
    }
}

/// The places to show.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The place at the top.
    pub top: PlaceId,
    /// The depth, in directories.
    pub depth: usize,
    /// Whether a chain of directories with one entry each is shown as its last.
    pub joined: bool,
}

/// The sums of `leaves`, limited to a shape. A directory comes before its entries, and the largest entry of each
/// directory first; equal ones are sorted by name. `is` returns the put that made a place what it is in this view.
pub fn branches<'a>(
    ledger: &'a Ledger,
    leaves: &[Leaf],
    shape: Shape,
    is: impl Fn(PlaceId) -> Option<&'a Put>,
) -> Vec<Branch> {
    let sums = Sums::of(ledger, leaves);
    let mut shown = vec![(shape.top, 0)];
    sums.choose(ledger, shape, shape.top, 1, &mut shown);
    let mut shares = shares(ledger, leaves, &shown);
    let branch = |(at, &(place, depth)): (usize, &(PlaceId, usize))| {
        Some(Branch {
            path: ledger.places.wire_path(place)?,
            depth,
            bytes: sums.bytes[place as usize],
            entries: sums.entries[place as usize],
            layers: std::mem::take(&mut shares[at]),
            is: is(place).map(|put| Entry::of(ledger, put)),
        })
    };
    shown.iter().enumerate().filter_map(branch).collect()
}

struct Sums {
    bytes: Vec<u64>,
    entries: Vec<u64>,
}

impl Sums {
    fn of(ledger: &Ledger, leaves: &[Leaf]) -> Self {
        let count = ledger.places.count();
        let mut sums = Self { bytes: vec![0; count], entries: vec![0; count] };
        for leaf in leaves {
            sums.bytes[leaf.place as usize] += leaf.bytes;
            sums.entries[leaf.place as usize] += 1;
        }
        ledger.places.add_up(&mut sums.bytes);
        ledger.places.add_up(&mut sums.entries);
        sums
    }

    /// The entries of `dir` and below that are shown.
    fn choose(
        &self,
        ledger: &Ledger,
        shape: Shape,
        dir: PlaceId,
        depth: usize,
        shown: &mut Vec<(PlaceId, usize)>,
    ) {
        if depth > shape.depth {
            return;
        }
        let places = &ledger.places;
        let mut entries: Vec<_> = self.entries_of(ledger, dir).collect();
        entries.sort_by_key(|&entry| (Reverse(self.bytes[entry as usize]), places.name(entry)));
        for mut entry in entries {
            while shape.joined
                && let Some(only) = self.only_entry_of(ledger, entry)
            {
                entry = only;
            }
            shown.push((entry, depth));
            self.choose(ledger, shape, entry, depth + 1, shown);
        }
    }

    fn entries_of<'a>(&'a self, ledger: &'a Ledger, dir: PlaceId) -> impl Iterator<Item = PlaceId> + 'a {
        ledger.places.children(dir).filter(|&entry| self.entries[entry as usize] > 0)
    }

    fn only_entry_of(&self, ledger: &Ledger, dir: PlaceId) -> Option<PlaceId> {
        let mut entries = self.entries_of(ledger, dir);
        entries.next().filter(|_| entries.next().is_none())
    }
}

/// The layers that pay for each of the shown places.
fn shares(ledger: &Ledger, leaves: &[Leaf], shown: &[(PlaceId, usize)]) -> Vec<Vec<Share>> {
    let at: HashMap<PlaceId, usize> = shown.iter().enumerate().map(|(at, &(place, _))| (place, at)).collect();
    let mut sums = vec![BTreeMap::<u16, u64>::new(); shown.len()];
    for leaf in leaves.iter().filter(|leaf| leaf.bytes > 0) {
        let up = std::iter::successors(Some(leaf.place), |&place| ledger.places.parent(place));
        for at in up.filter_map(|place| at.get(&place)) {
            *sums[*at].entry(leaf.layer).or_default() += leaf.bytes;
        }
    }
    let sorted = |sums: BTreeMap<u16, u64>| {
        let share = |(layer, bytes)| Share { layer: usize::from(layer) + 1, bytes };
        let mut shares: Vec<Share> = sums.into_iter().map(share).collect();
        shares.sort_by_key(|share| (Reverse(share.bytes), share.layer));
        shares
    };
    sums.into_iter().map(sorted).collect()
}
