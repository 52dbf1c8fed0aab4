//! The saving of a second stage. The base's layers keep their size, and the new layers are really packed. Installed
//! packages count with their present files, and with everything that package managers left, so a second stage cannot
//! leave more.

use super::accounts::Commands;
use super::copies::Copies;
use super::roots::Chosen;
use super::survey::{ACCOUNTS, Class, Survey};
use crate::advice::image::Image;
use crate::advice::recommends;
use crate::repack::{Count, Packer, compression};
use libcli::Failure;
use libimage::entries::{self, Part};
use libimage::layer::Act;
use libimage::places::PlaceId;
use libimage::source::Opened;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

/// The bytes of files and of download that the image would lose. `None` if it would grow.
pub(super) fn saving(
    opened: &Opened,
    image: &Image,
    survey: &Survey,
    chosen: &Chosen,
    copies: &Copies,
    accounts: &Commands,
    ldconfig: bool,
) -> Result<Option<(u64, u64)>, Failure> {
    let ledger = survey.tree.ledger;
    let run = Run::new(image, chosen, !accounts.is_empty(), ldconfig);
    let mut new = New::default();
    for (place, _) in survey.all().filter(|&(place, class)| run.leaves(image, survey, place, class)) {
        new.take(std::iter::successors(Some(place), |&place| ledger.places.parent(place)), 0);
    }
    for (number, copy) in (1..).zip(&copies.copies) {
        for &source in &copy.sources {
            new.take(std::iter::once(source).chain(ledger.places.below(source)), number);
        }
    }
    let (content, download) = new.packed(opened, survey, copies.copies.len() + 1)?;
    let above = ledger.layers.get(usize::from(survey.tree.base)..).unwrap_or_default();
    let old_content: u64 = above.iter().map(|sums| sums.content).sum();
    let old_download: u64 = above.iter().map(|sums| sums.blob_size).sum();
    Ok(old_content.checked_sub(content).zip(old_download.checked_sub(download)))
}

/// The RUN of the second stage, and the files that it leaves.
struct Run<'a> {
    chosen: &'a Chosen,
    /// The names of the packages that it installs.
    names: HashSet<&'a str>,
    accounts: bool,
    ldconfig: bool,
}

impl<'a> Run<'a> {
    fn new(image: &Image<'a>, chosen: &'a Chosen, accounts: bool, ldconfig: bool) -> Self {
        let packages = image.ledger.packages.all();
        let names = chosen.all.iter().map(|&id| packages[id as usize].name.as_str()).collect();
        Self { chosen, names, accounts, ldconfig }
    }

    fn leaves(&self, image: &Image, survey: &Survey, place: PlaceId, class: Class) -> bool {
        match class {
            Class::Package(id) => self.chosen.all.contains(&id),
            Class::State => {
                let path = survey.tree.path(place);
                let path = path.trim_start_matches('/');
                let of_others = || {
                    path.starts_with("var/lib/dpkg/info/")
                        && recommends::owner(image, place).is_none_or(|name| !self.names.contains(name))
                };
                self.leaves_list(path) || (!self.names.is_empty() && !is_passing(path) && !of_others())
            }
            _ => false,
        }
    }

    /// Whether it writes this list of accounts or of libraries.
    fn leaves_list(&self, path: &str) -> bool {
        let linker = || path == "etc/ld.so.cache" || path.starts_with("var/cache/ldconfig/");
        (self.accounts && ACCOUNTS.contains(&path.trim_end_matches('-'))) || (self.ldconfig && linker())
    }
}

/// Whether it is in a cache mount, or is not kept.
fn is_passing(path: &str) -> bool {
    ["var/cache/apt/", "var/lib/apt/lists/", "tmp/", "var/tmp/"].iter().any(|dir| path.starts_with(dir))
}

/// The places of the new layers, and the number of each place's layer.
#[derive(Default)]
struct New(HashMap<PlaceId, usize>);

impl New {
    fn take(&mut self, places: impl Iterator<Item = PlaceId>, number: usize) {
        self.0.extend(places.map(|place| (place, number)));
    }

    /// Packs the visible entries of these places into `count` layers. Returns the bytes of files and of download.
    fn packed(&self, opened: &Opened, survey: &Survey, count: usize) -> Result<(u64, u64), Failure> {
        let (tree, ledger) = (survey.tree, survey.tree.ledger);
        let contents = Contents::new(survey, self);
        let compression = compression(opened, ledger.layers.len().saturating_sub(1));
        let packer = |_| Packer::new(Count::default(), compression);
        let mut packers = (0..count).map(packer).collect::<io::Result<Vec<_>>>()?;
        let mut content = contents.again;
        for &layer in &contents.layers {
            entries::each(opened, ledger, layer.into(), |part, mut entry, body| {
                let Part::Put(_, put) = part else { return Ok(()) };
                match (put.act, self.0.get(&put.place)) {
                    (Act::File, _) => {
                        let Some((number, place)) = contents.home(put.inode) else { return Ok(()) };
                        content += entry.size;
                        entry.path = ledger.places.path(place);
                        packers[number].append(&entry, body)
                    }
                    (Act::Hardlink, _) => Ok(()),
                    (_, Some(&number)) if put.gone.is_none() && put.layer >= tree.base => {
                        packers[number].append(&entry, &mut io::empty())
                    }
                    _ => Ok(()),
                }
            })?;
        }
        let mut download = contents.again;
        for packer in packers.into_iter().filter(|packer| packer.entries > 0) {
            download += packer.sizes()?.0;
        }
        Ok((content, download))
    }
}

/// The contents of new layers, by inode.
#[derive(Default)]
struct Contents {
    /// The first new layer that has it, and its first name there.
    first: HashMap<u32, (usize, PlaceId)>,
    /// The bytes of contents that further new layers have again, under other names.
    again: u64,
    /// The present layers of these contents.
    layers: BTreeSet<u16>,
}

impl Contents {
    fn new(survey: &Survey, new: &New) -> Self {
        let (tree, ledger) = (survey.tree, survey.tree.ledger);
        let mut contents = Self::default();
        let mut further: HashSet<(u32, usize)> = HashSet::new();
        let mut places: Vec<(PlaceId, usize)> =
            new.0.iter().map(|(&place, &number)| (place, number)).collect();
        places.sort_unstable();
        for (place, number) in places {
            let Some(put) = tree.above(place) else { continue };
            contents.layers.insert(put.layer);
            let Some(inode) = ledger.inode(put).filter(|_| survey.is_file(put)) else { continue };
            contents.layers.insert(inode.layer);
            let (home, _) = *contents.first.entry(put.inode).or_insert((number, place));
            if home != number && further.insert((put.inode, number)) {
                contents.again += inode.size;
            }
        }
        contents
    }

    fn home(&self, inode: u32) -> Option<(usize, PlaceId)> {
        self.first.get(&inode).copied()
    }
}
