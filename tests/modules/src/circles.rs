//! Circles of a graph: sets of nodes each of which leads to each other one. And its floors: a node stands above all
//! that it leads to.

use std::collections::{BTreeMap, BTreeSet};

/// The arrows from each node, with what each is for.
pub type Arrows = Vec<BTreeMap<usize, String>>;

/// The circles of more than one node, each in ascending order.
pub fn circles(arrows: &Arrows) -> BTreeSet<Vec<usize>> {
    let reached: Vec<BTreeSet<usize>> = (0..arrows.len()).map(|from| reach(arrows, from)).collect();
    let circle = |from: usize| -> Vec<usize> {
        reached[from].iter().copied().filter(|&to| reached[to].contains(&from)).collect()
    };
    (0..arrows.len()).map(circle).filter(|circle| circle.len() > 1).collect()
}

/// The floor of each node, 0 for one that stands on none. A circle is on one floor.
pub fn floors(arrows: &Arrows) -> Vec<usize> {
    let reached: Vec<BTreeSet<usize>> = (0..arrows.len()).map(|from| reach(arrows, from)).collect();
    let mut floors = vec![0; arrows.len()];
    // Who is above another reaches more than that one, but for itself.
    let mut order: Vec<usize> = (0..arrows.len()).collect();
    order.sort_by_key(|&node| reached[node].len());
    for node in order {
        let below = reached[node].iter().filter(|&&to| !reached[to].contains(&node));
        floors[node] = below.map(|&to| floors[to] + 1).max().unwrap_or(0);
    }
    floors
}

/// The nodes that arrows lead to from one, in one step or more.
fn reach(arrows: &Arrows, from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<usize> = arrows[from].keys().copied().collect();
    while let Some(node) = next.pop() {
        if seen.insert(node) {
            next.extend(arrows[node].keys());
        }
    }
    seen
}
