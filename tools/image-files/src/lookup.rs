//! Finds a path that the user named among all that the image ever had, over links; or else the nearest one, for a
//! message. It prints nothing.

use libcli::Failure;
use libimage::layer::Act;
use libimage::ledger::Ledger;
use libimage::places::{PlaceId, Places};
use libimage::walk::{Reached, Walk};
use libtree::root::components;

/// Names beyond this are not compared: none is near.
const MAX_NAME: usize = 64;

/// Where a path leads, and over which links.
#[derive(Debug)]
pub struct Found {
    /// The links in the order they were followed; of a path that ends in one, that one is last.
    pub links: Vec<PlaceId>,
    /// Where it leads.
    pub place: PlaceId,
}

/// Follows a path through what is visible and, where nothing is, through what last was.
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

/// The place a path leads to, which has to be visible or have something visible in it.
pub fn visible(ledger: &Ledger, path: &[u8]) -> Result<PlaceId, Failure> {
    let place = find(ledger, path)?.place;
    let is = |place: PlaceId| ledger.visible(place).is_some();
    match place == Places::ROOT || is(place) || ledger.places.below(place).any(is) {
        true => Ok(place),
        false => {
            let what = "is not in the image any more; --why tells who hid it";
            Err(Failure::failed(said(path), what))
        }
    }
}

/// Where the link at a place leads: the visible one, or the last one where nothing is or was below.
fn link_at(ledger: &Ledger, place: PlaceId) -> Option<&[u8]> {
    let put = match ledger.visible(place) {
        Some(put) => Some(put),
        None if ledger.places.children(place).next().is_none() => ledger.puts_at(place).next(),
        None => None,
    };
    put.filter(|put| put.act == Act::Symlink).map(|put| ledger.link(put))
}

/// A path as messages say it.
pub fn said(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(&components(path).collect::<Vec<_>>().join(&b'/')))
}

/// That no layer has `path`, of which `rest` was looked for in `dir`, and what is nearest.
fn nothing(ledger: &Ledger, path: &[u8], dir: PlaceId, rest: &[&[u8]]) -> Failure {
    let place = nearest(ledger, dir, rest);
    let near = said(&ledger.places.path(place));
    Failure::failed(said(path), format!("no layer ever had it; the nearest is {near}"))
}

/// A name like it in the directory; else a path elsewhere that ends in the same name; else the directory.
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

/// How many bytes to change, add or drop to make one name the other; `None` for names too long to compare.
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
