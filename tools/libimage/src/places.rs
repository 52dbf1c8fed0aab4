//! Every path that any layer of an image ever had, each once: a tree of places. A place knows its path. The ledger
//! knows what is there.

use crate::names::{Name, Names};
use hashbrown::HashTable;
use libwire::WirePath;
use std::hash::{BuildHasher, RandomState};

/// A place's number. The root is 0.
pub type PlaceId = u32;

/// No place or no put: the end of a list.
pub const NONE: u32 = u32::MAX;

struct Place {
    parent: PlaceId,
    name: Name,
    first_child: PlaceId,
    next_sibling: PlaceId,
}

/// The places of an image. A place takes some 40 bytes, and its name.
pub struct Places {
    places: Vec<Place>,
    names: Names,
    /// Finds a place by its parent and name, which are only in `places`.
    index: HashTable<PlaceId>,
    hasher: RandomState,
}

impl Default for Places {
    fn default() -> Self {
        let root = Place { parent: NONE, name: Name::default(), first_child: NONE, next_sibling: NONE };
        Self {
            places: vec![root],
            names: Names::default(),
            index: HashTable::new(),
            hasher: RandomState::new(),
        }
    }
}

impl Places {
    /// The root.
    pub const ROOT: PlaceId = 0;

    /// The number of places, including the root.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// All places. A directory is made before its entries, so it comes before them, and after them in reverse order.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = PlaceId> + use<> {
        0..self.places.len() as PlaceId
    }

    /// Adds to the value of each directory the values of everything below it.
    pub fn add_up(&self, values: &mut [u64]) {
        for place in self.all().rev() {
            if let Some(dir) = self.parent(place) {
                values[dir as usize] += values[place as usize];
            }
        }
    }

    /// The place of `name` in `parent`, if any layer had it.
    pub fn find(&self, parent: PlaceId, name: &[u8]) -> Option<PlaceId> {
        let same = |&id: &PlaceId| self.places[id as usize].parent == parent && self.name(id) == name;
        self.index.find(self.hash(parent, name), same).copied()
    }

    /// The place of `name` in `parent`, which is made if necessary; `None` if there are too many.
    pub fn make(&mut self, parent: PlaceId, name: &[u8]) -> Option<PlaceId> {
        if let Some(known) = self.find(parent, name) {
            return Some(known);
        }
        let id = u32::try_from(self.places.len()).ok().filter(|&id| id != NONE)?;
        let kept = self.names.keep(name)?;
        let siblings = std::mem::replace(&mut self.places[parent as usize].first_child, id);
        self.places.push(Place { parent, name: kept, first_child: NONE, next_sibling: siblings });
        let hash = self.hash(parent, name);
        let (places, names, hasher) = (&self.places, &self.names, &self.hasher);
        self.index.insert_unique(hash, id, |&id| {
            let place = &places[id as usize];
            hasher.hash_one((place.parent, names.get(place.name)))
        });
        Some(id)
    }

    /// The last part of its path; empty for the root.
    pub fn name(&self, id: PlaceId) -> &[u8] {
        self.names.get(self.places[id as usize].name)
    }

    /// Its directory; `None` for the root.
    pub fn parent(&self, id: PlaceId) -> Option<PlaceId> {
        Some(self.places[id as usize].parent).filter(|&parent| parent != NONE)
    }

    /// Its path below the root, empty for the root.
    pub fn path(&self, mut id: PlaceId) -> Vec<u8> {
        let mut parts = Vec::new();
        while let Some(parent) = self.parent(id) {
            parts.push(self.name(id));
            id = parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }

    /// Its path as in records, with the root as `.`; `None` if it is too long for them.
    pub fn wire_path(&self, id: PlaceId) -> Option<WirePath> {
        let path = if id == Self::ROOT { b".".to_vec() } else { self.path(id) };
        WirePath::new(path).ok()
    }

    /// The places in it, in any layer, the newest first.
    pub fn children(&self, id: PlaceId) -> impl Iterator<Item = PlaceId> + '_ {
        let some = |id: PlaceId| Some(id).filter(|&id| id != NONE);
        std::iter::successors(some(self.places[id as usize].first_child), move |&id| {
            some(self.places[id as usize].next_sibling)
        })
    }

    /// Everything below it, parents before children.
    pub fn below(&self, id: PlaceId) -> impl Iterator<Item = PlaceId> + '_ {
        let mut open: Vec<PlaceId> = self.children(id).collect();
        std::iter::from_fn(move || {
            let next = open.pop()?;
            open.extend(self.children(next));
            Some(next)
        })
    }

    fn hash(&self, parent: PlaceId, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_place_and_a_place_one_path() {
        let mut places = Places::default();
        let etc = places.make(Places::ROOT, b"etc").unwrap();
        let passwd = places.make(etc, b"passwd").unwrap();
        assert_eq!(places.make(etc, b"passwd"), Some(passwd));
        assert_eq!(places.find(Places::ROOT, b"passwd"), None);
        assert_eq!((places.path(passwd), places.path(Places::ROOT)), (b"etc/passwd".to_vec(), Vec::new()));
        let group = places.make(etc, b"group").unwrap();
        assert_eq!(places.children(etc).collect::<Vec<_>>(), [group, passwd]);
        assert_eq!(places.below(Places::ROOT).count(), places.count() - 1);
        let mut values = [0, 1, 10, 100];
        places.add_up(&mut values);
        assert_eq!((values, places.all().count()), ([111, 111, 10, 100], 4));
    }
}
