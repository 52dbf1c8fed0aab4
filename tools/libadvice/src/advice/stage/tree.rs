//! The image's final tree, and the base's within it: where a path leads, and whether that is the base's own.

use libimage::ledger::{Ledger, Put};
use libimage::places::{PlaceId, Places};
use libimage::walk::{Reached, Walk};

/// The tree of the image; its lowest layers are the base's.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    pub(super) ledger: &'a Ledger,
    /// How many layers are the base's.
    pub(super) base: u16,
}

/// Where a path leads, and over which links.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) links: Vec<PlaceId>,
    pub(super) place: PlaceId,
}

impl<'a> Tree<'a> {
    /// Where `path` leads, as seen from the directory `dir`, links followed; `None` when nothing is there.
    pub(super) fn follow(&self, dir: PlaceId, path: &[u8]) -> Option<Found> {
        let mut walk = Walk::from(dir, path);
        let Reached::End = walk.go(&self.ledger.places, |place| self.ledger.link_at(place)) else {
            return None;
        };
        let found = Found { links: walk.links, place: walk.place };
        (found.place == Places::ROOT || self.ledger.visible(found.place).is_some()).then_some(found)
    }

    /// The put that is visible at a place, if a layer above the base put it there.
    pub(super) fn above(&self, place: PlaceId) -> Option<&'a Put> {
        self.ledger.visible(place).filter(|put| put.layer >= self.base)
    }

    /// The put of the base at a place, even if a layer above hid it.
    pub(super) fn had(&self, place: PlaceId) -> Option<&'a Put> {
        let stayed = |put: &&Put| put.gone.is_none_or(|(by, _)| by >= self.base);
        self.ledger.puts_at(place).find(|put| put.layer < self.base).filter(stayed)
    }

    /// Whether the base has a program of this name where a shell looks for it.
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
