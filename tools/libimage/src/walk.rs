//! Follows a path through the places of an image, over the symbolic links on it. It makes no places: where there is none
//! of a name it stops, and can go on once there is.

use crate::places::{PlaceId, Places};
use libtree::root::components;
use std::borrow::Cow;

/// How many symbolic links one path may go through, as in the kernel.
const MAX_LINKS: usize = 40;

/// A path that is followed.
pub struct Walk<'a> {
    /// Where it has come to.
    pub place: PlaceId,
    /// The links it has gone through, in order.
    pub links: Vec<PlaceId>,
    /// The parts that are left, the next one last.
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

    /// Goes on as far as there are places; `target` says where the link at a place leads, if it is one.
    pub fn go<'l>(&mut self, places: &Places, target: impl Fn(PlaceId) -> Option<&'l [u8]>) -> Reached<'a> {
        while let Some(part) = self.left.pop() {
            if *part == *b".." {
                self.place = places.parent(self.place).unwrap_or(Places::ROOT);
                continue;
            }
            let Some(next) = places.find(self.place, &part) else { return Reached::Missing(part) };
            let Some(target) = target(next) else {
                self.place = next;
                continue;
            };
            if self.links.len() == MAX_LINKS {
                return Reached::Circle;
            }
            self.links.push(next);
            self.continue_along(target);
        }
        Reached::End
    }

    /// The parts that are left.
    pub fn left(&self) -> impl Iterator<Item = &[u8]> {
        self.left.iter().rev().map(|part| &**part)
    }

    /// Continues along a link's target: from the directory that the link is in, or from the root if it is absolute.
    fn continue_along(&mut self, target: &[u8]) {
        if target.starts_with(b"/") {
            self.place = Places::ROOT;
        }
        self.left.extend(components(target).rev().map(|part| Cow::Owned(part.to_vec())));
    }
}
