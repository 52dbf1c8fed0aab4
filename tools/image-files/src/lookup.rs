//! Finds a path that the user named among all paths that the image ever had, over links, or else the nearest one, for
//! a message. It prints nothing.

use libcli::Failure;
use libimage::layer::Act;
use libimage::ledger::Ledger;
use libimage::places::{PlaceId, Places};
use libimage::walk::{Reached, Walk};
use libtree::root::components;

/// Longer names are not compared, because none is similar.
const MAX_NAME: usize = 64;

/// The target of a path, and the links to it.
#[derive(Debug)]
pub struct Found {
    /// The links, in the order they were followed. If the path ends in a link, that one is last.
    pub links: Vec<PlaceId>,
    /// The target.
    pub place: PlaceId,
}

/// Follows a path through the visible places, and where nothing is visible, through the last ones.
pub fn find(ledger: &Ledger, path: &[u8]) -> Result<Found, Failure> {
    let mut walk = Walk::new(path);
    match walk.go(&ledger.places, |place| link_at(ledger, place)) {
        Reached::End => Ok(Found { links: walk.links, place: walk.place }),
        Reached::Missing(part) => {
            let rest: Vec<&[u8]> = std::iter::once(&*part).chain(walk.left()).collect();
            Err(nothing(ledger, path, walk.place, &rest))
        }
        Reached::Circle => Err(Failure::failed(said(path), "goes through too many symbolic links")),
    }
}

/// The target of a path, which has to be visible or have something visible in it.
pub fn visible(ledger: &Ledger, path: &[u8]) -> Result<PlaceId, Failure> {
    let place = find(ledger, path)?.place;
    let is = |place: PlaceId| ledger.visible(place).is_some();
    match place == Places::ROOT || is(place) || ledger.places.below(place).any(is) {
        true => Ok(place),
        false => {
            let what = "is no longer in the image; --why shows what hid it";
            Err(Failure::failed(said(path), what))
        }
    }
}

/// The target of the link at a place: the visible link, or the last one if nothing is or was there.
fn link_at(ledger: &Ledger, place: PlaceId) -> Option<&[u8]> {
    let put = match ledger.visible(place) {
        Some(put) => Some(put),
        None if ledger.places.children(place).next().is_none() => ledger.puts_at(place).next(),
        None => None,
    };
    put.filter(|put| put.act == Act::Symlink).map(|put| ledger.link(put))
}

/// A path in the form for messages.
pub fn said(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(&components(path).collect::<Vec<_>>().join(&b'/')))
}

/// The error that no layer has `path`, where `rest` was not found in `dir`, and the nearest path.
fn nothing(ledger: &Ledger, path: &[u8], dir: PlaceId, rest: &[&[u8]]) -> Failure {
    let place = nearest(ledger, dir, rest);
    let near = said(&ledger.places.path(place));
    Failure::failed(said(path), format!("no layer ever had it; the nearest is {near}"))
}

/// A similar name in the directory, or else a path elsewhere that ends in the same name, or else the directory.
fn nearest(ledger: &Ledger, dir: PlaceId, rest: &[&[u8]]) -> PlaceId {
    let places = &ledger.places;
    let wanted = rest.first().copied().unwrap_or_default();
    let alike = |place: PlaceId| {
        let away = distance(places.name(place), wanted)?;
        (away <= 1 + wanted.len() / 4).then_some((away, places.name(place), place))
    };
    let like = places.children(dir).filter_map(alike).min();
    let base = rest.last().copied().unwrap_or_default();
    let same_name = || {
        let same = places.below(Places::ROOT).filter(|&place| places.name(place) == base);
        same.min_by_key(|&place| (ledger.visible(place).is_none(), places.path(place)))
    };
    like.map(|(.., place)| place).or_else(same_name).unwrap_or(dir)
}

/// How many bytes must change to turn one name into the other; `None` if a name is too long.
fn distance(a: &[u8], b: &[u8]) -> Option<usize> {
    if a.len().max(b.len()) > MAX_NAME {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_number_of_edits() {
        for (a, b, away) in [("", "abc", 3), ("bash", "dash", 1), ("kitten", "sitting", 3), ("x", "x", 0)] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), Some(away));
        }
        assert_eq!(distance(&[b'a'; 65], b"a"), None);
    }
}
