//! The files that package managers and build tools keep for their next run: those in the directories of [`MANAGERS`].
//! Sizes do not matter here.

use super::finding::Kind;
use libimage::places::{PlaceId, Places};
use libshell::managers::{MANAGERS, Manager};

/// A directory whose files serve only the next run of a tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cache {
    /// The manager that uses it.
    pub manager: &'static Manager,
    /// The kind of most of its files: package lists, or other files that can be fetched again; see
    /// [`Cache::kind_of`].
    kind: Kind,
    /// The directory. A path with a leading slash starts at the root; others can be anywhere, usually in a home.
    dir: &'static str,
}

impl Cache {
    /// The kind of a file in it, by the file's name: apk keeps its lists among its downloads.
    pub fn kind_of(&self, name: &[u8]) -> Kind {
        match self.manager.name == "apk" && name.starts_with(b"APKINDEX.") {
            true => Kind::PackageLists,
            false => self.kind,
        }
    }
}

/// All known caches.
fn caches() -> Vec<Cache> {
    let of = |manager: &'static Manager| {
        let cache = move |kind| move |&dir: &&'static str| Cache { manager, kind, dir };
        manager
            .lists
            .iter()
            .map(cache(Kind::PackageLists))
            .chain(manager.caches.iter().map(cache(Kind::Cache)))
    };
    MANAGERS.iter().flat_map(of).collect()
}

/// The cache that each place is in, and the directory of that cache.
pub struct Cached {
    caches: Vec<Cache>,
    of: Vec<Option<(u8, PlaceId)>>,
}

impl Cached {
    /// Classifies all places once. The number of a directory is smaller than those of its entries.
    pub fn new(places: &Places) -> Self {
        let caches = caches();
        let mut of: Vec<Option<(u8, PlaceId)>> = vec![None; places.count()];
        for place in places.all().skip(1) {
            let above = places.parent(place).and_then(|parent| of[parent as usize]);
            let own = || {
                let cache = caches.iter().position(|cache| is(places, place, cache.dir))?;
                Some((cache as u8, place))
            };
            of[place as usize] = above.or_else(own);
        }
        Self { caches, of }
    }

    /// The cache that a place is in, and its directory. The directory itself is not in it.
    pub fn at(&self, place: PlaceId) -> Option<(Cache, PlaceId)> {
        let (cache, dir) = (*self.of.get(place as usize)?)?;
        self.caches.get(usize::from(cache)).filter(|_| dir != place).map(|cache| (*cache, dir))
    }
}

fn is(places: &Places, place: PlaceId, dir: &str) -> bool {
    let mut at = Some(place);
    for part in dir.trim_start_matches('/').rsplit('/') {
        let Some(here) = at.filter(|&here| places.name(here) == part.as_bytes()) else { return false };
        at = places.parent(here);
    }
    at.is_some_and(|above| !dir.starts_with('/') || above == Places::ROOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_known_by_its_directory_wherever_homes_are() {
        let mut places = Places::default();
        let mut make = |path: &str| {
            path.split('/').fold(Places::ROOT, |at, part| places.make(at, part.as_bytes()).unwrap())
        };
        let paths = [
            "var/lib/apt/lists/x",
            "srv/var/lib/apt/lists/x",
            "home/u/.cache/pip/a/b",
            ".npm/_cacache/i",
            "go/pkg",
        ];
        let made = paths.map(&mut make);
        let cached = Cached::new(&places);
        let tools = made.map(|place| cached.at(place).map(|(cache, _)| cache.manager.name));
        assert_eq!(tools, [Some("apt"), None, Some("pip"), Some("npm"), None]);
        let (_, dir) = cached.at(made[2]).unwrap();
        assert_eq!((places.path(dir), cached.at(dir)), (b"home/u/.cache/pip".to_vec(), None));
    }
}
