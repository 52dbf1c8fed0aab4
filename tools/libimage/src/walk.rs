//! A path on its way through the places of a ledger, over the symbolic links it meets. It makes no places: where
//! there is none of a name it stops, and can go on once there is.

use super::{Ledger, Put};
use crate::places::{PlaceId, Places};
use libtree::root::components;
use std::borrow::Cow;

/// How many symbolic links one path may go through, as in the kernel.
const MAX_LINKS: usize = 40;

/// A path on its way.
pub struct Walk<'a> {
    /// Where it has come to.
    pub place: PlaceId,
    /// The links it has gone through, in order.
    pub links: Vec<PlaceId>,
    /// What is still to be gone, the next part last.
    left: Vec<Cow<'a, [u8]>>,
}

/// How far a walk has come.
pub enum Reached<'a> {
    /// To its end.
    End,
    /// To a directory in which no layer had this name.
    Missing(Cow<'a, [u8]>),
    /// Through too many links: they lead in a circle.
    Circle,
}

impl<'a> Walk<'a> {
    /// The walk of a path below the root.
    pub fn new(path: &'a [u8]) -> Self {
        Self::from(Places::ROOT, path)
    }

    /// The walk of a path that begins at a place, unless it is an absolute one.
    pub fn from(dir: PlaceId, path: &'a [u8]) -> Self {
        let left = components(path).rev().map(Cow::Borrowed).collect();
        Self { place: if path.starts_with(b"/") { Places::ROOT } else { dir }, links: Vec::new(), left }
    }

    /// Goes on as far as there are places; `link_at` tells which of them are links.
    pub fn go<'l>(
        &mut self,
        ledger: &'l Ledger,
        link_at: impl Fn(PlaceId) -> Option<&'l Put>,
    ) -> Reached<'a> {
        while let Some(part) = self.left.pop() {
            if *part == *b".." {
                self.place = ledger.places.parent(self.place).unwrap_or(Places::ROOT);
                continue;
            }
            let Some(next) = ledger.places.find(self.place, &part) else { return Reached::Missing(part) };
            let Some(link) = link_at(next) else {
                self.place = next;
                continue;
            };
            if self.links.len() == MAX_LINKS {
                return Reached::Circle;
            }
            self.links.push(next);
            self.turn(ledger.link(link));
        }
        Reached::End
    }

    /// The parts that are still to be gone.
    pub fn left(&self) -> impl Iterator<Item = &[u8]> {
        self.left.iter().rev().map(|part| &**part)
    }

    fn turn(&mut self, target: &[u8]) {
        if target.starts_with(b"/") {
            self.place = Places::ROOT;
        }
        self.left.extend(components(target).rev().map(|part| Cow::Owned(part.to_vec())));
    }
}
