//! The packages that a second stage has to install: those that copied files need, and those that the Dockerfile names
//! and that do not build. Their dependencies come with them, according to the package manager's record of this image.

use super::facts::Facts;
use super::survey::{Class, Survey};
use super::tools::is_tool;
use crate::advice::image::Image;
use libimage::packages::{Manager, Package};
use libimage::places::PlaceId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Where Debian's Python looks for the modules of packages.
const PYTHON: &str = "usr/lib/python3/dist-packages";

/// The packages to install.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chosen {
    /// The words for the package manager's command line.
    pub(super) words: Vec<String>,
    /// All packages that will be installed, by position in the list.
    pub(super) all: HashSet<u32>,
    /// The package manager; `None` if nothing is installed.
    pub(super) manager: Option<Manager>,
}

/// Chooses the packages; `None` if it is unknown which would be installed.
pub(super) fn choose(
    image: &Image,
    survey: &Survey,
    facts: &Facts,
    mut needed: BTreeSet<u32>,
) -> Option<Chosen> {
    let shelf = Shelf::new(image.ledger.packages.all(), survey.tree.base);
    let mut pins = BTreeMap::new();
    for (number, made) in (survey.tree.base..).zip(&survey.made).filter(|(_, made)| made.run) {
        let asked = asked(made.text)?;
        let came = shelf.all.iter().any(|package| package.layer == number && package.gone.is_none());
        if came && asked.is_empty() {
            return None;
        }
        for (name, word) in asked {
            for &id in shelf.by_name.get(name).into_iter().flatten().filter(|&&id| shelf.is_above(id)) {
                let package = &shelf.all[id as usize];
                if !is_tool(package, name) && !name.ends_with("-dev") {
                    needed.insert(id);
                }
                if word.len() > name.len() {
                    pins.insert(id, word.to_owned());
                }
            }
        }
    }
    let whole = shelf.whole(&needed);
    needed.extend(&whole);
    if needed.iter().any(|&id| shelf.all[id as usize].name.starts_with("python3")) {
        needed.extend(modules(survey, facts));
    }
    let Some(&first) = needed.first() else { return Some(Chosen::default()) };
    let manager = shelf.all[first as usize].manager;
    let one = needed.iter().all(|&id| shelf.all[id as usize].manager == manager);
    let command = if manager == Manager::Dpkg { "apt-get" } else { "apk" };
    if !one || !survey.tree.base_program(command) || others_sources(survey) {
        return None;
    }
    let (all, mut roots) = shelf.closure(&needed)?;
    // A program that is run is named, even if the package of a module would bring it.
    roots.extend(whole.into_iter().filter(|id| !shelf.all[*id as usize].name.contains('.')));
    let word = |id: &u32| pins.get(id).cloned().unwrap_or_else(|| shelf.all[*id as usize].name.clone());
    let words: BTreeSet<String> = roots.iter().map(word).collect();
    Some(Chosen { words: words.into_iter().collect(), all, manager: Some(manager) })
}

/// Whether packages come from repositories that the base does not have, and could not be installed again.
fn others_sources(survey: &Survey) -> bool {
    let of = |path: &str| {
        ["/etc/apt/", "/usr/share/keyrings/", "/etc/apk/repositories", "/etc/apk/keys/"]
            .iter()
            .any(|dir| path.starts_with(dir))
    };
    let own = |(place, class)| class == Class::Own && of(&survey.tree.path(place));
    survey.all().any(own) || survey.made.iter().any(|made| made.run && made.text.contains(".deb"))
}

/// The packages that a command names after `install` or `add`: their names, and the words with versions. `None` if
/// one of them is unknown, or comes from another release.
fn asked(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut names = Vec::new();
    let (mut manager, mut install) = (None, false);
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches([';', '&', '|', ')']);
        let (bare, ends) = (bare.trim_matches(['"', '\'']), bare.len() < word.len());
        match bare.rsplit('/').next().unwrap_or(bare) {
            "apt-get" | "apt" | "aptitude" => (manager, install) = (Some("install"), false),
            "apk" => (manager, install) = (Some("add"), false),
            _ if manager == Some(bare) => install = true,
            _ if !install || bare.is_empty() || bare.starts_with('.') || "\\<>".contains(bare) => {}
            "-t" if manager == Some("install") => return None,
            _ if bare.starts_with("--target-release") || bare.starts_with("--default-release") => {
                return None;
            }
            _ if bare.starts_with('-') => {}
            _ if bare.contains(['$', '`', '*']) => return None,
            _ => names.push((bare.split(['=', '/', ':', '<', '>', '~']).next().unwrap_or(bare), bare)),
        }
        if ends {
            (manager, install) = (None, false);
        }
    }
    Some(names)
}

/// The packages of modules that copied Python sources import and that are not copied themselves.
fn modules(survey: &Survey, facts: &Facts) -> BTreeSet<u32> {
    let ledger = survey.tree.ledger;
    let stem =
        |place: PlaceId| ledger.places.name(place).split(|&byte| byte == b'.').next().unwrap_or_default();
    let mut copied: HashSet<&[u8]> = HashSet::new();
    let mut packaged: HashMap<&[u8], Vec<PlaceId>> = HashMap::new();
    let standard = |place: PlaceId| {
        let path = ledger.places.path(place);
        path.strip_prefix(b"usr/lib/python3").is_some_and(|rest| !rest.contains(&b'/'))
    };
    let system = ledger.find(PYTHON.as_bytes());
    for place in ledger.places.all().skip(1) {
        let Some(parent) = ledger.places.parent(place).filter(|_| ledger.visible(place).is_some()) else {
            continue;
        };
        if Some(parent) == system || standard(parent) {
            packaged.entry(stem(place)).or_default().push(place);
        } else if [&b"site-packages"[..], b"dist-packages"].contains(&ledger.places.name(parent)) {
            copied.insert(stem(place));
        }
    }
    let mut found = BTreeSet::new();
    for name in facts.imports.iter().filter(|name| !copied.contains(name.as_slice())) {
        for &place in packaged.get(name.as_slice()).into_iter().flatten() {
            for place in std::iter::once(place).chain(ledger.places.children(place)) {
                if let Class::Package(id) = survey.at(place) {
                    found.insert(id);
                }
            }
        }
    }
    found
}

/// The installed packages.
struct Shelf<'a> {
    all: &'a [Package],
    base: u16,
    /// The packages that have or provide a name; one with that name itself comes first.
    by_name: HashMap<&'a str, Vec<u32>>,
}

impl<'a> Shelf<'a> {
    fn new(all: &'a [Package], base: u16) -> Self {
        let mut by_name: HashMap<&str, Vec<u32>> = HashMap::new();
        let there = || (0..).zip(all).filter(|(_, package)| package.gone.is_none());
        for (id, package) in there() {
            by_name.entry(&package.name).or_default().push(id);
        }
        for (id, package) in there() {
            for name in &package.provides {
                by_name.entry(name).or_default().push(id);
            }
        }
        Self { all, base, by_name }
    }

    fn is_above(&self, id: u32) -> bool {
        self.all.get(id as usize).is_some_and(|package| package.layer >= self.base)
    }

    /// The rest of programs whose packages are only parts of them, such as the library without which Python is
    /// incomplete.
    fn whole(&self, needed: &BTreeSet<u32>) -> BTreeSet<u32> {
        let minimal = needed.iter().filter_map(|&id| self.all[id as usize].name.strip_suffix("-minimal"));
        let whole = minimal.filter_map(|name| self.by_name.get(name)).flatten();
        whole.copied().filter(|&id| self.is_above(id)).collect()
    }

    /// The packages above the base that a package needs, and whether the manager would choose each by itself. `None`
    /// if a needed package is missing.
    fn next(&self, id: u32) -> Option<Vec<(u32, bool)>> {
        let mut next = Vec::new();
        for any in &self.all[id as usize].depends {
            let mut found =
                any.iter().filter_map(|name| self.by_name.get(name.as_str()).map(|ids| (name, ids)));
            if any.is_empty() || found.clone().any(|(_, ids)| ids.iter().any(|&id| !self.is_above(id))) {
                continue;
            }
            let (name, ids) = found.next()?;
            let &id = ids.first()?;
            let first = any.first() == Some(name) && (self.all[id as usize].name == *name || ids.len() == 1);
            next.push((id, first));
        }
        Some(next)
    }

    /// All packages that these bring, and those among them that have to be named.
    fn closure(&self, needed: &BTreeSet<u32>) -> Option<(HashSet<u32>, BTreeSet<u32>)> {
        let mut all: HashSet<u32> = needed.iter().copied().filter(|&id| self.is_above(id)).collect();
        let mut open: Vec<u32> = all.iter().copied().collect();
        let mut named = BTreeSet::new();
        while let Some(id) = open.pop() {
            for (id, by_itself) in self.next(id)? {
                if !by_itself {
                    named.insert(id);
                }
                if all.insert(id) {
                    open.push(id);
                }
            }
        }
        let mut roots: BTreeSet<u32> = needed.iter().copied().filter(|&id| self.is_above(id)).collect();
        for &id in needed {
            let others: Vec<u32> = roots.iter().copied().filter(|&other| other != id).collect();
            if roots.contains(&id) && self.reach(others)?.contains(&id) {
                roots.remove(&id);
            }
        }
        roots.extend(named);
        Some((all, roots))
    }

    fn reach(&self, mut open: Vec<u32>) -> Option<HashSet<u32>> {
        let mut seen = HashSet::new();
        while let Some(id) = open.pop() {
            for (id, _) in self.next(id)? {
                if seen.insert(id) {
                    open.push(id);
                }
            }
        }
        Some(seen)
    }
}
