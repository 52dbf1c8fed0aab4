//! The files of two images, path by path: the same, different, or only in one. The latter are grouped by their
//! package, or else by the topmost directory that only one image has. Directories do not count as files.

use libimage::layer::Act;
use libimage::ledger::{Ledger, Put};
use libimage::packages::Manager;
use libimage::places::{NONE, PlaceId, Places};
use libwire::WirePath;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

/// How many differing files are listed.
const NAMED: usize = 200;

/// The files of two images.
#[derive(Debug, Default, Serialize)]
pub struct Files {
    /// The files that are the same in both.
    pub same: Sum,
    /// The files that only the first has, by package or directory, the largest first.
    pub only_a: Vec<Group>,
    /// The files that only the second has.
    pub only_b: Vec<Group>,
    /// How many files differ.
    pub differ: u64,
    /// Their bytes in the first.
    pub differ_a: u64,
    /// Their bytes in the second.
    pub differ_b: u64,
    /// The files that differ most.
    pub differing: Vec<Differing>,
}

/// A number of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// The number.
    pub files: u64,
    /// Their bytes. Content with several names counts once.
    pub bytes: u64,
}

/// A group of files that only one image has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The owner of the group.
    #[serde(flatten)]
    pub owner: Owner,
    /// The sums of the group.
    #[serde(flatten)]
    pub sum: Sum,
}

/// The owner of a group of files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Owner {
    /// A package.
    Package {
        /// Its name.
        package: String,
        /// Its version.
        version: String,
        /// Its package manager.
        manager: Manager,
    },
    /// A directory, for files of no package.
    Directory(WirePath),
    /// A single file of no package, which is the only one of its group.
    File(WirePath),
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differing {
    /// The path.
    #[serde(flatten)]
    pub path: WirePath,
    /// Bytes in the first image.
    pub a: u64,
    /// Bytes in the second.
    pub b: u64,
    /// Whether only mode, owner or extended attributes differ.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub metadata: bool,
}

/// Compares the visible files of two images.
pub fn compare(a: &Ledger, b: &Ledger) -> Files {
    let (a, b) = (Half::of(a, b), Half::of(b, a));
    let mut files = Files { only_a: a.group_by_owner(), only_b: b.group_by_owner(), ..Files::default() };
    let mut counted = HashSet::new();
    for (put, other) in a.both() {
        let bytes = |half: &Half, put: &Put| half.ledger.inode(put).map_or(0, |inode| inode.size);
        let first = counted.insert(put.inode) || put.inode == NONE;
        let (in_a, in_b) = if first { (bytes(&a, put), bytes(&b, other)) } else { (0, 0) };
        let metadata = same_content(&a, put, &b, other);
        if metadata && put.same_metadata(other) {
            files.same.files += 1;
            files.same.bytes += in_a;
            continue;
        }
        files.differ += 1;
        files.differ_a += in_a;
        files.differ_b += in_b;
        if let Some(path) = a.ledger.places.wire_path(put.place) {
            files.differing.push(Differing { path, a: in_a, b: in_b, metadata });
        }
    }
    files.differing.sort_by_cached_key(|file| (Reverse(file.a.abs_diff(file.b)), file.path.clone()));
    files.differing.truncate(NAMED);
    files
}

fn same_content(a: &Half, put: &Put, b: &Half, other: &Put) -> bool {
    let content = |half: &Half, put: &Put| half.ledger.inode(put).map(|inode| (inode.size, inode.content));
    let other_kind = |put: &Put| if put.act == Act::Hardlink { Act::File } else { put.act };
    other_kind(put) == other_kind(other)
        && content(a, put) == content(b, other)
        && a.ledger.link(put) == b.ledger.link(other)
}

/// One image, and the corresponding places of the other.
struct Half<'a> {
    ledger: &'a Ledger,
    other: &'a Ledger,
    twins: Vec<PlaceId>,
    /// Whether the other image has something visible at or below each of its places.
    inhabited: Vec<bool>,
}

impl<'a> Half<'a> {
    fn of(ledger: &'a Ledger, other: &'a Ledger) -> Self {
        let places = &ledger.places;
        let mut twins = vec![NONE; places.count()];
        twins[Places::ROOT as usize] = Places::ROOT;
        for place in places.all().skip(1) {
            let dir = places.parent(place).map_or(NONE, |dir| twins[dir as usize]);
            let twin = if dir == NONE { None } else { other.places.find(dir, places.name(place)) };
            twins[place as usize] = twin.unwrap_or(NONE);
        }
        let mut inhabited = vec![false; other.places.count()];
        for place in other.places.all().rev() {
            let at = place as usize;
            inhabited[at] |= other.visible(place).is_some();
            if let Some(dir) = other.places.parent(place).filter(|_| inhabited[at]) {
                inhabited[dir as usize] = true;
            }
        }
        Self { ledger, other, twins, inhabited }
    }

    /// The visible files, each with the other image's file at the same place, if any.
    fn files(&self) -> impl Iterator<Item = (&'a Put, Option<&'a Put>)> {
        let file = |put: &&Put| put.act != Act::Dir;
        let all = self.ledger.places.all().filter_map(|place| self.ledger.visible(place));
        let twin = move |put: &Put| self.other.visible(self.twins[put.place as usize]).filter(file);
        all.filter(file).map(move |put| (put, twin(put)))
    }

    fn both(&self) -> impl Iterator<Item = (&'a Put, &'a Put)> {
        self.files().filter_map(|(put, other)| Some((put, other?)))
    }

    /// The files that only this image has, by owner, the largest group first.
    fn group_by_owner(&self) -> Vec<Group> {
        let mut sums: BTreeMap<Owner, (Sum, PlaceId)> = BTreeMap::new();
        // If content has another name that the other image has too, it does not count here.
        let mut counted: HashSet<u32> = self.both().map(|(put, _)| put.inode).collect();
        for (put, _) in self.files().filter(|(_, other)| other.is_none()) {
            let Some(owner) = self.owner(put.place) else { continue };
            let (sum, last) = sums.entry(owner).or_default();
            *last = put.place;
            sum.files += 1;
            if let Some(inode) = self.ledger.inode(put).filter(|_| counted.insert(put.inode)) {
                sum.bytes += inode.size;
            }
        }
        let group = |(owner, (sum, last))| Group { owner: self.collapse_single_file(owner, sum, last), sum };
        let mut groups: Vec<Group> = sums.into_iter().map(group).collect();
        groups.sort_by_key(|group| Reverse(group.sum.bytes));
        groups
    }

    /// The file itself, in place of a directory in which it is the only one.
    fn collapse_single_file(&self, owner: Owner, sum: Sum, file: PlaceId) -> Owner {
        match (&owner, sum.files, self.ledger.places.wire_path(file)) {
            (Owner::Directory(_), 1, Some(path)) => Owner::File(path),
            _ => owner,
        }
    }

    /// The package of a file, or else the topmost directory above it that the other image does not have, or else its
    /// own directory.
    fn owner(&self, place: PlaceId) -> Option<Owner> {
        if let Some(package) = self.ledger.packages.owner(place) {
            let (name, version) = (package.name.clone(), package.version.clone());
            return Some(Owner::Package { package: name, version, manager: package.manager });
        }
        let dir = self.ledger.places.parent(place)?;
        let up = std::iter::successors(Some(dir), |&dir| self.ledger.places.parent(dir));
        let missing =
            |&dir: &PlaceId| !self.inhabited.get(self.twins[dir as usize] as usize).is_some_and(|&is| is);
        let top = up.take_while(missing).last().unwrap_or(dir);
        self.ledger.places.wire_path(top).map(Owner::Directory)
    }
}
