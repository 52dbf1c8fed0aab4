//! Follows a path through the places of an image, over its symbolic links. It makes no places: at a missing name it
//! stops, and can continue when the place exists.

use crate::places::{PlaceId, Places};
use libtree::root::components;
use std::borrow::Cow;

/// The largest number of symbolic links in one path, as in the kernel.
const MAX_LINKS: usize = 40;

/// A path being followed.
pub struct Walk<'a> {
    /// The place reached so far.
    pub place: PlaceId,
    /// The links followed so far, in order.
    pub links: Vec<PlaceId>,
    /// The remaining parts, the next one last.
    left: Vec<Cow<'a, [u8]>>,
}

/// The result of following a path.
pub enum Reached<'a> {
    /// The end of the path.
    End,
    /// A directory in which no layer had this name.
    Missing(Cow<'a, [u8]>),
    /// Too many links, so they form a circle.
    Circle,
}

impl<'a> Walk<'a> {
    /// The walk of a path below the root.
    pub fn new(path: &'a [u8]) -> Self {
        Self::from(Places::ROOT, path)
    }

    /// The walk of a path that starts at a place, unless the path is absolute.
    pub fn from(dir: PlaceId, path: &'a [u8]) -> Self {
        let left = components(path).rev().map(Cow::Borrowed).collect();
        Self { place: if path.starts_with(b"/") { Places::ROOT } else { dir }, links: Vec::new(), left }
    }

    /// Continues as far as there are places. `target` returns the target of a link at a place.
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

    /// The remaining parts.
    pub fn left(&self) -> impl Iterator<Item = &[u8]> {
        self.left.iter().rev().map(|part| &**part)
    }

    /// Continues along a link's target, from the directory of the link, or from the root if it is absolute.
    fn continue_along(&mut self, target: &[u8]) {
        if target.starts_with(b"/") {
            self.place = Places::ROOT;
        }
        self.left.extend(components(target).rev().map(|part| Cow::Owned(part.to_vec())));
    }
}
