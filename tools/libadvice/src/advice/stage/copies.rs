//! The paths that a second stage copies: a whole directory if everything in it is copied, and otherwise single files.
//! COPY can copy neither a link by itself nor a directory's mode; commands after it do that.

use super::paste::{MAX_NAMED, is_plain};
use super::removed;
use super::survey::{Class, Survey};
use libimage::layer::Act;
use libimage::ledger::Put;
use libimage::places::{PlaceId, Places};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// If more files than this of the author's own directory are needed, the whole directory is copied.
const MAX_FILES: usize = 8;
/// A COPY.
#[derive(Debug, PartialEq)]
pub(super) struct Copy {
    /// Files of one directory, or one directory with everything in it.
    pub(super) sources: Vec<PlaceId>,
    /// The owner of all its files.
    pub(super) chown: Option<(u32, u32)>,
}

/// The COPYs, and the commands after them.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pub(super) copies: Vec<Copy>,
    /// Commands after them. None of them stores a file.
    pub(super) commands: Vec<String>,
}

/// How many paths below a place are the author's, and how many are not.
#[derive(Clone, Copy, Default)]
struct Sums {
    own: u32,
    other: u32,
    /// How many of the others belong to the base or to a package.
    firm: u32,
}

pub(super) fn copies(survey: &Survey) -> Option<Copies> {
    let sums = sums(survey);
    let mut named = Vec::new();
    Walk { survey, sums: &sums }.names(Places::ROOT, &mut named);
    let paths = named.iter().map(|&place| survey.tree.path(place));
    if named.is_empty() || named.len() > MAX_NAMED || !paths.into_iter().all(|path| is_plain(&path)) {
        return None;
    }
    let mut result = Copies::default();
    let mut files: BTreeMap<PlaceId, Vec<PlaceId>> = BTreeMap::new();
    let mut links = Vec::new();
    let mut dirs = Vec::new();
    for &place in &named {
        match survey.tree.ledger.visible(place).map(|put| put.act) {
            Some(Act::Special) => return None,
            // COPY follows a link that it names.
            Some(Act::Symlink) => links.push(place),
            Some(Act::File | Act::Hardlink) => {
                files.entry(survey.tree.ledger.places.parent(place)?).or_default().push(place);
            }
            _ => dirs.push(place),
        }
    }
    result.copies = dirs.into_iter().map(|place| directory(survey, place)).collect();
    result.copies.extend(files.into_values().map(|sources| Copy { sources, chown: None }));
    let path = |copy: &Copy| copy.sources.first().map(|&place| survey.tree.ledger.places.path(place));
    result.copies.sort_by_key(path);
    result.commands = removed::removed(survey)?;
    for link in links {
        result.commands.push(linked(survey, link)?);
    }
    result.commands.extend(metadata(survey, &result.copies)?);
    Some(result)
}

/// The number of a directory is smaller than those of its entries.
fn sums(survey: &Survey) -> Vec<Sums> {
    let places = &survey.tree.ledger.places;
    let mut sums = vec![Sums::default(); places.count()];
    for (place, class) in survey.all() {
        let sums = &mut sums[place as usize];
        match class {
            Class::Nothing => {}
            Class::Own => sums.own += 1,
            Class::Base | Class::Package(_) => (sums.other, sums.firm) = (sums.other + 1, sums.firm + 1),
            _ => sums.other += 1,
        }
    }
    for place in places.all().rev() {
        let below = sums[place as usize];
        if let Some(above) = places.parent(place).and_then(|parent| sums.get_mut(parent as usize)) {
            (above.own, above.other, above.firm) =
                (above.own + below.own, above.other + below.other, above.firm + below.firm);
        }
    }
    sums
}

struct Walk<'s, 'a> {
    survey: &'s Survey<'a>,
    sums: &'s [Sums],
}

impl Walk<'_, '_> {
    /// The paths to name in a directory, in order.
    fn names(&self, dir: PlaceId, named: &mut Vec<PlaceId>) {
        let tree = self.survey.tree;
        let places = &tree.ledger.places;
        let mut children: Vec<PlaceId> =
            places.children(dir).filter(|&child| self.sums[child as usize].own > 0).collect();
        children.sort_by_key(|&child| places.name(child));
        for child in children {
            let sums = self.sums[child as usize];
            let leaf = self.survey.at(child) == Class::Own;
            // In a directory that the base has, only new paths are named.
            let only =
                places.children(child).filter(|&below| self.sums[below as usize].own > 0).take(2).count()
                    == 1;
            if leaf || (sums.other == 0 && (tree.had(child).is_none() || !only)) {
                named.push(child);
                continue;
            }
            let before = named.len();
            self.names(child, named);
            if named.len() - before > MAX_FILES && sums.firm == 0 && tree.had(child).is_none() {
                named.truncate(before);
                named.push(child);
            }
        }
    }
}

fn directory(survey: &Survey, place: PlaceId) -> Copy {
    let tree = survey.tree;
    let all = std::iter::once(place).chain(tree.ledger.places.below(place));
    let owners: BTreeSet<(u32, u32)> =
        all.filter_map(|place| tree.ledger.visible(place)).map(|put| put.owner).collect();
    let parent = tree.ledger.places.parent(place).unwrap_or(Places::ROOT);
    let known = parent == Places::ROOT || tree.had(parent).is_some();
    let one = owners.first().copied().filter(|&owner| owners.len() == 1 && owner != (0, 0) && known);
    Copy { sources: vec![place], chown: one.filter(|_| tree.had(place).is_none()) }
}

fn linked(survey: &Survey, place: PlaceId) -> Option<String> {
    let tree = survey.tree;
    let target = String::from_utf8(tree.ledger.link(tree.ledger.visible(place)?).to_vec()).ok()?;
    let parent = tree.ledger.places.parent(place)?;
    let path = tree.path(place);
    let make = match parent == Places::ROOT || tree.had(parent).is_some() {
        true => String::new(),
        false => format!("mkdir -p {} && ", tree.path(parent)),
    };
    is_plain(&target).then(|| format!("{make}ln -sfn {target} {path}"))
}

/// Directories whose owner or mode COPY does not set.
fn metadata(survey: &Survey, copies: &[Copy]) -> Option<Vec<String>> {
    let tree = survey.tree;
    let places = &tree.ledger.places;
    let mut seen = HashSet::new();
    let mut given = Given::default();
    for copy in copies {
        for &source in &copy.sources {
            let made = std::iter::successors(Some(source), |&place| places.parent(place));
            for place in made.filter(|&place| seen.insert(place) && tree.had(place).is_none()) {
                let Some(put) = tree.ledger.visible(place).filter(|put| put.act == Act::Dir) else {
                    continue;
                };
                let owner = copy.chown.filter(|_| place == source).unwrap_or((0, 0));
                given.compare(&tree.path(place), put, owner, 0o755)?;
            }
        }
    }
    let is_dir = |put: &&Put| put.layer >= tree.base && put.act == Act::Dir && put.gone.is_none();
    for put in tree.ledger.puts.iter().filter(is_dir) {
        let (Some(old), Some(made)) = (tree.had(put.place), survey.made(put)) else { continue };
        if !put.same_metadata(old) && made.is_authors(&tree.path(put.place)) {
            given.compare(&tree.path(put.place), put, old.owner, old.mode)?;
        }
    }
    Some(given.commands())
}

/// Paths that need an owner or a mode.
#[derive(Default)]
struct Given {
    owners: BTreeMap<(u32, u32), Vec<String>>,
    modes: BTreeMap<u16, Vec<String>>,
    count: usize,
}

impl Given {
    /// Adds the owner and mode of a directory if COPY does not set them; `None` if there are too many for a line.
    fn compare(&mut self, path: &str, put: &Put, owner: (u32, u32), mode: u16) -> Option<()> {
        if put.owner != owner {
            self.owners.entry(put.owner).or_default().push(path.to_owned());
        }
        if put.mode != mode {
            self.modes.entry(put.mode).or_default().push(path.to_owned());
        }
        self.count += usize::from(put.owner != owner || put.mode != mode);
        (is_plain(path) && self.count <= MAX_NAMED).then_some(())
    }

    fn commands(self) -> Vec<String> {
        let owner =
            |((uid, gid), paths): ((u32, u32), Vec<String>)| format!("chown {uid}:{gid} {}", paths.join(" "));
        let mode = |(mode, paths): (u16, Vec<String>)| format!("chmod {mode:04o} {}", paths.join(" "));
        self.owners.into_iter().map(owner).chain(self.modes.into_iter().map(mode)).collect()
    }
}
