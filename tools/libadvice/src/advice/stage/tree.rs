//! The image's final tree, and the base's part of it: the target of a path, and whether that belongs to the base.

use libimage::ledger::{Ledger, Put};
use libimage::places::{PlaceId, Places};
use libimage::walk::{Reached, Walk};

/// The tree of the image, whose lowest layers are the base's.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    pub(super) ledger: &'a Ledger,
    /// How many layers are the base's.
    pub(super) base: u16,
}

/// The target of a path, and the links to it.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) links: Vec<PlaceId>,
    pub(super) place: PlaceId,
}

impl<'a> Tree<'a> {
    /// The target of `path`, starting at the directory `dir`, with links followed; `None` if it does not exist.
    pub(super) fn follow(&self, dir: PlaceId, path: &[u8]) -> Option<Found> {
        let mut walk = Walk::from(dir, path);
        let Reached::End = walk.go(&self.ledger.places, |place| self.ledger.link_at(place)) else {
            return None;
        };
        let found = Found { links: walk.links, place: walk.place };
        (found.place == Places::ROOT || self.ledger.visible(found.place).is_some()).then_some(found)
    }

    /// The visible put at a place, if it comes from a layer above the base.
    pub(super) fn above(&self, place: PlaceId) -> Option<&'a Put> {
        self.ledger.visible(place).filter(|put| put.layer >= self.base)
    }

    /// The put of the base at a place, even if a layer above hid it.
    pub(super) fn had(&self, place: PlaceId) -> Option<&'a Put> {
        let stayed = |put: &&Put| put.gone.is_none_or(|(by, _)| by >= self.base);
        self.ledger.puts_at(place).find(|put| put.layer < self.base).filter(stayed)
    }

    /// Whether the base has a program of this name in a directory of PATH.
    pub(super) fn base_program(&self, name: &str) -> bool {
        ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"].iter().any(|dir| {
            let found = self.ledger.find(format!("{dir}/{name}").as_bytes());
            found.is_some_and(|place| self.had(place).is_some())
        })
    }

    /// A place's path with the slash before it.
    pub(super) fn path(&self, place: PlaceId) -> String {
        format!("/{}", String::from_utf8_lossy(&self.ledger.places.path(place)))
    }
}
