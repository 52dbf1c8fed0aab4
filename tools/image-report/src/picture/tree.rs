//! The final tree of an image, reduced for a page: the largest directories and files by name, and the sum of the
//! smaller ones in each directory, by the layer that pays. Nothing is missing from the sums.

use libcli::spelled_out;
use libimage::ledger::Ledger;
use libimage::places::{NONE, PlaceId, Places};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The largest number of names in a directory, and the smallest part of it that gets a name.
const NAMES: usize = 200;
const SHARE: u64 = 1000;
/// How many layers are distinguished among entries without a name.
const LAYERS: usize = 12;
/// The approximate size of a node's numbers in a page.
const NUMBERS: usize = 36;

/// A part of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The number of its directory. The root, 0, is in itself.
    pub parent: usize,
    /// Its name, safe to show; empty for the sum of smaller entries.
    pub name: String,
    /// Its bytes, with everything in it.
    pub size: u64,
    /// How many files it has. A file with several names counts at one of them.
    pub files: u64,
    /// The layer that pays for it, from 1; 0 for a directory, or if several layers pay.
    pub layer: usize,
    /// Whether it is a directory.
    pub dir: bool,
}

/// The tree, in which a node comes after its directory. Its names take at most about `budget` bytes.
pub fn tree(ledger: &Ledger, budget: usize) -> Vec<Node> {
    let sums = Sums::of(ledger);
    let mut tree = Tree { ledger, sums, nodes: Vec::new(), open: BinaryHeap::new(), left: budget };
    tree.push(0, Places::ROOT, "/".into());
    while let Some((_, Reverse(node), place)) = tree.open.pop() {
        tree.expand(node, place);
    }
    tree.nodes
}

/// The visible bytes at each place and below.
struct Sums {
    size: Vec<u64>,
    files: Vec<u64>,
    /// The layer that pays for the file at a place, from 1; 0 if there is none.
    layer: Vec<usize>,
}

impl Sums {
    fn of(ledger: &Ledger) -> Self {
        let count = ledger.places.count();
        let mut sums = Self { size: vec![0; count], files: vec![0; count], layer: vec![0; count] };
        for (inode, place) in ledger.inodes.iter().zip(homes(ledger)) {
            if place != NONE {
                let at = place as usize;
                sums.size[at] += inode.size;
                sums.files[at] += 1;
                sums.layer[at] = usize::from(inode.layer) + 1;
            }
        }
        ledger.places.add_up(&mut sums.size);
        ledger.places.add_up(&mut sums.files);
        sums
    }
}

/// The place at which each content counts: where it was put, if that is visible, or else its first visible name.
pub fn homes(ledger: &Ledger) -> Vec<PlaceId> {
    let mut homes = vec![NONE; ledger.inodes.len()];
    for place in ledger.places.all() {
        let Some(put) = ledger.visible(place) else { continue };
        if let (Some(home), Some(inode)) = (homes.get_mut(put.inode as usize), ledger.inode(put))
            && (*home == NONE || inode.place == place)
        {
            *home = place;
        }
    }
    homes
}

struct Tree<'a> {
    ledger: &'a Ledger,
    sums: Sums,
    nodes: Vec<Node>,
    /// Directories whose entries are not added yet, the largest first.
    open: BinaryHeap<(u64, Reverse<usize>, PlaceId)>,
    left: usize,
}

impl Tree<'_> {
    fn push(&mut self, parent: usize, place: PlaceId, name: String) {
        let at = place as usize;
        let (size, files, layer) = (self.sums.size[at], self.sums.files[at], self.sums.layer[at]);
        let dir = layer == 0;
        if dir {
            self.open.push((size, Reverse(self.nodes.len()), place));
        }
        self.nodes.push(Node { parent, name, size, files, layer, dir });
    }

    fn expand(&mut self, node: usize, place: PlaceId) {
        let children = self.ledger.places.children(place);
        let mut children: Vec<_> = children.filter(|&child| self.sums.files[child as usize] > 0).collect();
        let name = |child: PlaceId| self.ledger.places.name(child);
        children.sort_by(|&a, &b| self.size(b).cmp(&self.size(a)).then_with(|| name(a).cmp(name(b))));
        let least = self.size(place) / SHARE;
        let mut rest = BTreeMap::new();
        for (rank, child) in children.into_iter().enumerate() {
            let name = spelled_out(self.ledger.places.name(child));
            // A directory also needs nodes for its entries without a name.
            let parts = if self.sums.layer[child as usize] == 0 { LAYERS + 1 } else { 1 };
            let cost = 2 * name.len() + NUMBERS * parts;
            let large = rank < NAMES && self.size(child) >= least.max(1);
            match self.left.checked_sub(cost).filter(|_| large) {
                Some(left) => {
                    self.left = left;
                    self.push(node, child, name);
                }
                None => self.sum(child, &mut rest),
            }
        }
        self.push_rest(node, rest);
    }

    fn size(&self, place: PlaceId) -> u64 {
        self.sums.size[place as usize]
    }

    /// Adds the entries at a place and below to the sums without a name, by layer.
    fn sum(&self, place: PlaceId, rest: &mut BTreeMap<usize, (u64, u64)>) {
        for place in std::iter::once(place).chain(self.ledger.places.below(place)) {
            let layer = self.sums.layer[place as usize];
            if layer > 0 {
                let (size, files) = rest.entry(layer).or_default();
                (*size, *files) = (*size + self.sums.size[place as usize], *files + 1);
            }
        }
    }

    fn push_rest(&mut self, parent: usize, rest: BTreeMap<usize, (u64, u64)>) {
        let mut rest: Vec<_> = rest.into_iter().collect();
        rest.sort_by_key(|&(layer, (size, _))| (Reverse(size), layer));
        let others = rest.split_off(rest.len().min(LAYERS));
        if !others.is_empty() {
            let sum = others.iter().fold((0, 0), |sum, (_, part)| (sum.0 + part.0, sum.1 + part.1));
            rest.push((0, sum));
        }
        for (layer, (size, files)) in rest {
            self.nodes.push(Node { parent, name: String::new(), size, files, layer, dir: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libimage::fixtures::ledger;

    fn told(nodes: &[Node]) -> Vec<(usize, &str, u64, u64, usize)> {
        nodes.iter().map(|node| (node.parent, &*node.name, node.size, node.files, node.layer)).collect()
    }

    #[test]
    fn a_tree_has_each_content_once_and_nothing_hidden() {
        let first: &[_] = &[
            ("dir", "d", ""),
            ("file", "d/big", "0123456789"),
            ("link", "d/name", "d/big"),
            ("file", "gone", "01234567"),
        ];
        let ledger =
            ledger(&[first, &[("file", ".wh.gone", ""), ("file", "d/new", "012"), ("file", "d/0", "")]]);
        assert_eq!(
            told(&tree(&ledger, 10_000)),
            [
                (0, "/", 13, 3, 0),
                (0, "d", 13, 3, 0),
                (1, "big", 10, 1, 1),
                (1, "new", 3, 1, 2),
                (1, "", 0, 1, 2)
            ]
        );
    }

    #[test]
    fn what_has_no_room_is_summed_by_layer() {
        let first: &[_] = &[("file", "a", "0123"), ("file", "b", "01234")];
        let ledger = ledger(&[first, &[("file", "c", "012")]]);
        assert_eq!(told(&tree(&ledger, 0)), [(0, "/", 12, 3, 0), (0, "", 9, 2, 1), (0, "", 3, 1, 2)]);
    }

    #[test]
    fn names_stay_in_their_budget_and_sums_are_whole() {
        let names: Vec<_> = (0..3000).map(|n| format!("d{}/{n:0200}", n % 100)).collect();
        let lines: Vec<_> = names.iter().map(|name| ("file", &**name, "0123456789")).collect();
        let nodes = tree(&ledger(&[&lines]), 100_000);
        let told: usize = nodes.iter().map(|node| node.name.len() + NUMBERS).sum();
        assert!((20_000..100_000).contains(&told), "{told}");
        for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.dir) {
            let within = nodes.iter().skip(1).filter(|other| other.parent == at);
            assert_eq!(within.map(|other| other.files).sum::<u64>(), node.files);
        }
    }

    #[test]
    fn a_content_whose_first_name_is_gone_is_at_another() {
        let first: &[_] = &[("file", "a", "0123"), ("link", "b", "a")];
        let ledger = ledger(&[first, &[("file", ".wh.a", "")]]);
        assert_eq!(told(&tree(&ledger, 1000)), [(0, "/", 4, 1, 0), (0, "b", 4, 1, 1)]);
    }
}
