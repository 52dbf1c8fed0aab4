//! The directories in which package managers and build tools keep what can be fetched or made again, by the
//! defaults of each. A table and how it is matched; nothing here looks at sizes.

use super::finding::Kind;
use libimage::places::{PlaceId, Places};

/// A directory whose files are there for the next run of a tool only.
#[derive(Debug, PartialEq)]
pub struct Cache {
    /// Whose it is, in a word.
    pub tool: &'static str,
    /// Package lists, or what else can be fetched again; of most files, see [`Cache::kind_of`].
    pub kind: Kind,
    /// The directory: from the root when it begins with a slash, else anywhere, mostly in a home.
    pub dir: &'static str,
    /// The commands that fill it or read it.
    pub commands: &'static [&'static str],
    /// Whether two builds must not use it at once.
    pub locked: bool,
}

const APT: &[&str] = &["apt-get", "apt", "aptitude"];
const APK: &[&str] = &["apk"];
const DNF: &[&str] = &["dnf", "microdnf", "yum", "dnf5"];
const PIP: &[&str] = &["pip", "pip3", "python", "python3"];
const NPM: &[&str] = &["npm", "npx"];
const YARN: &[&str] = &["yarn"];
const CARGO: &[&str] = &["cargo"];
const GO: &[&str] = &["go", "make"];
const MAVEN: &[&str] = &["mvn", "./mvnw", "mvnw"];
const GRADLE: &[&str] = &["gradle", "./gradlew", "gradlew"];
const COMPOSER: &[&str] = &["composer", "composer.phar"];

impl Cache {
    /// What a file in it is, by its name: apk has its lists where its downloads are.
    pub fn kind_of(&self, name: &[u8]) -> Kind {
        match self.tool == "apk" && name.starts_with(b"APKINDEX.") {
            true => Kind::PackageLists,
            false => self.kind,
        }
    }
}

const fn cache(
    tool: &'static str,
    dir: &'static str,
    commands: &'static [&'static str],
    locked: bool,
) -> Cache {
    Cache { tool, kind: Kind::Cache, dir, commands, locked }
}

const fn lists(tool: &'static str, dir: &'static str, commands: &'static [&'static str]) -> Cache {
    Cache { tool, kind: Kind::PackageLists, dir, commands, locked: true }
}

/// All that are known.
pub const CACHES: &[Cache] = &[
    lists("apt", "/var/lib/apt/lists", APT),
    cache("apt", "/var/cache/apt", APT, true),
    cache("apk", "/var/cache/apk", APK, true),
    cache("apk", "/etc/apk/cache", APK, true),
    cache("dnf", "/var/cache/dnf", DNF, true),
    cache("dnf", "/var/cache/libdnf5", DNF, true),
    cache("yum", "/var/cache/yum", DNF, true),
    cache("zypper", "/var/cache/zypp", &["zypper"], true),
    cache("pacman", "/var/cache/pacman/pkg", &["pacman"], true),
    cache("pip", ".cache/pip", PIP, false),
    cache("uv", ".cache/uv", &["uv", "uvx"], false),
    cache("poetry", ".cache/pypoetry", &["poetry"], false),
    cache("npm", ".npm/_cacache", NPM, false),
    cache("yarn", ".cache/yarn", YARN, false),
    cache("yarn", "/usr/local/share/.cache/yarn", YARN, false),
    cache("yarn", ".yarn/berry/cache", YARN, false),
    cache("cargo", ".cargo/registry", CARGO, false),
    cache("cargo", ".cargo/git", CARGO, false),
    cache("cargo", "/usr/local/cargo/registry", CARGO, false),
    cache("cargo", "/usr/local/cargo/git", CARGO, false),
    cache("go", "go/pkg/mod", GO, false),
    cache("go", ".cache/go-build", GO, false),
    cache("maven", ".m2/repository", MAVEN, false),
    cache("gradle", ".gradle/caches", GRADLE, false),
    cache("composer", ".composer/cache", COMPOSER, false),
    cache("composer", ".cache/composer", COMPOSER, false),
    cache("ccache", ".ccache", &["ccache", "make", "cmake", "ninja"], false),
    cache("ccache", ".cache/ccache", &["ccache", "make", "cmake", "ninja"], false),
    cache("conda", "/opt/conda/pkgs", &["conda", "mamba"], true),
];

/// Which cache each place is below, and that cache's directory.
pub struct Cached {
    of: Vec<Option<(u8, PlaceId)>>,
}

impl Cached {
    /// Looks at all places once: a directory's number is below those in it.
    pub fn new(places: &Places) -> Self {
        let mut of: Vec<Option<(u8, PlaceId)>> = vec![None; places.count()];
        for place in places.all().skip(1) {
            let above = places.parent(place).and_then(|parent| of[parent as usize]);
            let own = || {
                let cache = CACHES.iter().position(|cache| is(places, place, cache.dir))?;
                Some((cache as u8, place))
            };
            of[place as usize] = above.or_else(own);
        }
        Self { of }
    }

    /// The cache that a place is in, and its directory; not the directory itself.
    pub fn at(&self, place: PlaceId) -> Option<(&'static Cache, PlaceId)> {
        let (cache, dir) = (*self.of.get(place as usize)?)?;
        CACHES.get(usize::from(cache)).filter(|_| dir != place).map(|cache| (cache, dir))
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
        let tools = made.map(|place| cached.at(place).map(|(cache, _)| cache.tool));
        assert_eq!(tools, [Some("apt"), None, Some("pip"), Some("npm"), None]);
        let (_, dir) = cached.at(made[2]).unwrap();
        assert_eq!((places.path(dir), cached.at(dir)), (b"home/u/.cache/pip".to_vec(), None));
    }
}
