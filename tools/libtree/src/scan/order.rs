//! Sorts the results of several threads into the order of [`crate::walk`].

use super::{Entry, Found, Seen};
use std::iter::Peekable;
use std::vec::IntoIter;

/// The results for one directory.
struct Listed<V> {
    entries: Vec<Entry<V>>,
    sorted: bool,
}

/// All paths, sorted by their bytes.
pub(super) fn in_order<V>(found: Vec<Found<V>>, directories: usize) -> Vec<Seen<V>> {
    let total = found.iter().map(|found| found.entries.len()).sum();
    let mut listed: Vec<Listed<V>> = Vec::new();
    listed.resize_with(directories, || Listed { entries: Vec::new(), sorted: true });
    for Found { number, entries } in found {
        let Some(directory) = listed.get_mut(number) else { continue };
        match directory.entries.is_empty() {
            true => directory.entries = entries,
            false => {
                directory.sorted = false;
                directory.entries.extend(entries);
            }
        }
    }
    let mut all = Vec::with_capacity(total);
    let mut levels: Vec<_> = listed.get_mut(0).map(Level::new).into_iter().collect();
    while let Some(level) = levels.last_mut() {
        match level.next() {
            Some(Step::Entry(seen)) => all.push(seen),
            Some(Step::Inside(number)) => levels.extend(listed.get_mut(number).map(Level::new)),
            None => drop(levels.pop()),
        }
    }
    all
}

/// A directory whose entries are being sorted: `a`, `a-b`, `a/x`. The entries of `a` come in the place of `a/`.
struct Level<V> {
    entries: Peekable<IntoIter<Entry<V>>>,
    insides: Peekable<IntoIter<(Vec<u8>, usize)>>,
}

enum Step<V> {
    Entry(Seen<V>),
    Inside(usize),
}

impl<V> Level<V> {
    fn new(directory: &mut Listed<V>) -> Self {
        let mut entries = std::mem::take(&mut directory.entries);
        if !directory.sorted {
            entries.sort_by(|a, b| a.seen.path.cmp(&b.seen.path));
        }
        let inside = |entry: &Entry<V>| Some(([&entry.seen.path, &b"/"[..]].concat(), entry.inside?));
        let mut insides: Vec<_> = entries.iter().filter_map(inside).collect();
        insides.sort();
        Self { entries: entries.into_iter().peekable(), insides: insides.into_iter().peekable() }
    }

    fn next(&mut self) -> Option<Step<V>> {
        let path = self.entries.peek().map(|entry| &entry.seen.path);
        match self.insides.next_if(|(inside, _)| path.is_none_or(|path| inside < path)) {
            Some((_, number)) => Some(Step::Inside(number)),
            None => self.entries.next().map(|entry| Step::Entry(entry.seen)),
        }
    }
}
