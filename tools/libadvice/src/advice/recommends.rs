//! Packages that apt installed only because others recommend them. They are found in dpkg's record of this image, not
//! by a list of usual packages.

use super::candidate::{Advice, Candidate, Change, Kind, Omitted};
use super::image::Image;
use super::run_text::{self, Run};
use libimage::entries::Part;
use libimage::layer::Act;
use libimage::packages::{Manager, Package};
use libimage::places::PlaceId;
use std::collections::{HashMap, HashSet};

const APT: &[&str] = &["apt-get", "apt"];
const NAMED: usize = 8;

pub(super) fn advise<'a>(image: &Image<'a>) -> Vec<Candidate<'a>> {
    (0..image.ledger.layers.len()).filter_map(|layer| candidate(image, layer)).collect()
}

fn candidate<'a>(image: &Image<'a>, layer: usize) -> Option<Candidate<'a>> {
    let (_, maker) = image.maker(layer)?;
    let Run { flags, command } = run_text::parse(&maker.text)?;
    if command.contains("install-recommends") || command.contains("APT::Install") {
        return None;
    }
    let asked = asked(command);
    let new = Shelf::new(image, layer);
    let optional = new.optional(&asked);
    if asked.is_empty() || optional.is_empty() {
        return None;
    }
    let neighbours = Neighbours::new(image, &optional);
    let goes = |place: PlaceId| match owner(image, place) {
        Some(name) => optional.contains(name),
        None => neighbours.go(image, place),
    };
    let ids: HashSet<u32> = image.puts(layer).filter(|(_, put)| goes(put.place)).map(|(id, _)| id).collect();
    let sizes = image.puts(layer).filter(|(id, put)| ids.contains(id) && put.act == Act::File);
    let saves = sizes.filter_map(|(_, put)| image.ledger.inode(put)).map(|inode| inode.size).sum();
    let mut words = vec!["RUN"];
    words.extend(&flags);
    let command = without_recommends(command);
    words.push(&command);
    let changes = vec![Change::new(maker, vec![words.join(" ")])];
    let mut names: Vec<&str> = optional.iter().copied().collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.truncate(NAMED);
    let why = format!(
        "{}{more}: no requested package depends on these; they are only recommended. Name those that you use.",
        names.join(", ")
    );
    let title = format!("install no recommended packages at {}", maker.place());
    let advice = Advice::new(Kind::NoRecommends, title, changes, saves, why)?;
    let which = move |part: &Part| matches!(part, Part::Put(id, _) if ids.contains(id));
    Some(Candidate { advice, omitted: vec![Omitted::Entries(layer, Box::new(which))], always: false })
}

/// The packages that a command names after `install`.
fn asked(command: &str) -> HashSet<&str> {
    let mut names = HashSet::new();
    let (mut apt, mut install) = (false, false);
    for word in command.split_whitespace() {
        let ends = word.ends_with(';') || word.contains(['&', '|']);
        let bare = word.trim_end_matches([';', '&', '|']);
        if install && !bare.starts_with('-') && !bare.is_empty() {
            names.insert(bare.split(['=', '/', ':']).next().unwrap_or(bare).trim_end_matches(['+', '-']));
        }
        install |= apt && bare == "install";
        apt |= APT.contains(&bare.rsplit('/').next().unwrap_or(bare));
        if ends {
            (apt, install) = (false, false);
        }
    }
    names
}

/// A command with the option after each `install` of apt.
fn without_recommends(command: &str) -> String {
    let mut apt = false;
    let words = command.split(' ').map(|word| {
        let is_install = apt && word == "install";
        apt |= APT.contains(&word.rsplit('/').next().unwrap_or(word));
        if is_install || word.contains(['&', ';', '|']) {
            apt = false;
        }
        if is_install { "install --no-install-recommends" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The package that a file would go with: its owner, or, for a file that the installation made, the owner's name in
/// its name.
pub(super) fn owner<'a>(image: &Image<'a>, place: PlaceId) -> Option<&'a str> {
    let ledger = image.ledger;
    if let Some(package) = ledger.packages.owner(place) {
        return Some(&package.name);
    }
    let places = &ledger.places;
    let (dir, name) = (places.parent(place)?, std::str::from_utf8(places.name(place)).ok()?);
    if places.name(dir) == b"__pycache__" {
        let source = format!("{}.py", name.split('.').next()?);
        return ledger.packages.owner(places.find(places.parent(dir)?, source.as_bytes())?).map(|p| &*p.name);
    }
    let package = match &places.path(dir)[..] {
        b"var/lib/dpkg/info" => name.rsplit_once('.')?.0.split(':').next()?,
        b"var/cache/apt/archives" => name.strip_suffix(".deb")?.split('_').next()?,
        _ => return None,
    };
    ledger.packages.all().iter().map(|known| known.name.as_str()).find(|known| *known == package)
}

/// The number of packages' files below each place, and how many of them stay.
struct Neighbours {
    all: Vec<u64>,
    stay: Vec<u64>,
}

impl Neighbours {
    fn new(image: &Image, optional: &HashSet<&str>) -> Self {
        let ledger = image.ledger;
        let none = vec![0; ledger.places.count()];
        let mut found = Self { all: none.clone(), stay: none };
        for place in ledger.places.all().filter(|&place| ledger.visible(place).is_some()) {
            let Some(package) = ledger.packages.owner(place) else { continue };
            found.all[place as usize] = 1;
            found.stay[place as usize] = u64::from(!optional.contains(package.name.as_str()));
        }
        ledger.places.add_up(&mut found.all);
        ledger.places.add_up(&mut found.stay);
        found
    }

    /// Whether a file of no package was made from files that go, such as an index of them: nothing else is in its
    /// directory.
    fn go(&self, image: &Image, place: PlaceId) -> bool {
        let places = &image.ledger.places;
        let mut above = std::iter::successors(places.parent(place), |&dir| places.parent(dir));
        above.find(|&dir| self.all[dir as usize] > 0).is_some_and(|dir| self.stay[dir as usize] == 0)
    }
}

/// The packages of an image, as one layer found them.
struct Shelf<'a> {
    /// The packages that have or provide a name.
    by_name: HashMap<&'a str, Vec<&'a Package>>,
    layer: u16,
    later: Vec<&'a Package>,
    later_asked: HashSet<&'a str>,
}

impl<'a> Shelf<'a> {
    fn new(image: &Image<'a>, layer: usize) -> Self {
        let mut by_name: HashMap<&str, Vec<&Package>> = HashMap::new();
        let layer = layer as u16;
        let there = |package: &&Package| package.manager == Manager::Dpkg && package.gone.is_none();
        let all: Vec<&Package> = image.ledger.packages.all().iter().filter(there).collect();
        for &package in &all {
            for name in package.provides.iter().chain([&package.name]) {
                by_name.entry(name).or_default().push(package);
            }
        }
        let later = all.into_iter().filter(|package| package.layer > layer).collect();
        let behind =
            image.instructions.iter().filter(|i| i.layer.is_some_and(|l| l > usize::from(layer) + 1));
        let later_asked = behind.flat_map(|instruction| asked(&instruction.text)).collect();
        Self { by_name, layer, later, later_asked }
    }

    /// The packages of this layer that only recommendations brought.
    fn optional(&self, asked: &HashSet<&str>) -> HashSet<&'a str> {
        let named = asked.iter().chain(&self.later_asked).filter_map(|name| self.by_name.get(name)).flatten();
        let roots: Vec<&Package> = named.copied().chain(self.later.iter().copied()).collect();
        // An unknown root, such as a variable, could need any package.
        if !asked.iter().all(|name| self.by_name.contains_key(name)) {
            return HashSet::new();
        }
        // If one of several packages is enough, apt takes the first that is available, so any of them may be needed.
        let needed = self.closure(&roots, Some(asked), |package| package.depends.iter().collect());
        let wanted =
            self.closure(&roots, None, |package| package.depends.iter().chain(&package.recommends).collect());
        wanted.difference(&needed).copied().collect()
    }

    /// The packages of this layer that these depend on, directly or not. If one of several is enough, all of them
    /// count, or, if the packages `asked` for are known, one of those or else the first.
    fn closure(
        &self,
        roots: &[&'a Package],
        asked: Option<&HashSet<&str>>,
        next: impl Fn(&'a Package) -> Vec<&'a Vec<String>>,
    ) -> HashSet<&'a str> {
        let mut open: Vec<&Package> = roots.to_vec();
        let mut seen: HashSet<&str> = roots.iter().map(|package| package.name.as_str()).collect();
        while let Some(package) = open.pop() {
            for any in next(package) {
                let found: Vec<&Vec<&Package>> =
                    any.iter().filter_map(|name| self.by_name.get(name.as_str())).collect();
                let has = |there: &dyn Fn(&Package) -> bool| {
                    found.iter().copied().flatten().any(|package| there(package))
                };
                let is_asked =
                    |package: &Package| asked.is_some_and(|asked| asked.contains(package.name.as_str()));
                if has(&|package| package.layer < self.layer) || has(&is_asked) {
                    continue;
                }
                let found = found.into_iter().take(asked.map_or(usize::MAX, |_| 1)).flatten();
                for &package in found.filter(|package| package.layer == self.layer) {
                    if seen.insert(&package.name) {
                        open.push(package);
                    }
                }
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_asked_for_are_what_install_names() {
        let found =
            asked("apt-get update && apt-get install -y --foo gcc:i386 make=1 && rm x; apt install less");
        assert_eq!(found, HashSet::from(["gcc", "make", "less"]));
        assert_eq!(asked("pip install x && make install y"), HashSet::new());
        assert_eq!(
            without_recommends("apt-get -q install -y a && pip install b"),
            "apt-get -q install --no-install-recommends -y a && pip install b"
        );
    }
}
