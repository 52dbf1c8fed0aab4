//! What the image would cost with its second stage: the base's layers as they are, and the new ones really
//! packed. Of what is installed, the files that these packages have in the image now, and all that package
//! managers left: no second stage leaves more.

use super::accounts::Commands;
use super::copies::Copies;
use super::roots::Chosen;
use super::survey::{ACCOUNTS, Class, Survey};
use crate::advice::{Image, recommends};
use crate::layer::Act;
use crate::places::PlaceId;
use crate::repack::{self, Count, Packer, Part, compression};
use crate::source::Opened;
use libcli::Failure;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

/// Bytes that the image would have less: of files, and to download. `None` when it would have more.
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
    let base = usize::from(survey.tree.base);
    let mut of: HashMap<PlaceId, usize> = HashMap::new();
    let run = Run { chosen, accounts: !accounts.is_empty(), ldconfig };
    run.places(image, survey, &mut of);
    for (number, copy) in (1..).zip(&copies.copies) {
        for &source in &copy.sources {
            of.extend(
                std::iter::once(source).chain(ledger.places.below(source)).map(|place| (place, number)),
            );
        }
    }
    let (content, download) = packed(opened, survey, &of, copies.copies.len() + 1)?;
    let above = ledger.layers.get(base..).unwrap_or_default();
    let (old_content, old_download) = above
        .iter()
        .fold((0, 0), |(content, download), sums| (content + sums.content, download + sums.blob_size));
    Ok(old_content.checked_sub(content).zip(old_download.checked_sub(download)))
}

/// What RUN leaves in the second stage.
struct Run<'a> {
    chosen: &'a Chosen,
    accounts: bool,
    ldconfig: bool,
}

impl Run<'_> {
    fn places(&self, image: &Image, survey: &Survey, of: &mut HashMap<PlaceId, usize>) {
        let ledger = survey.tree.ledger;
        let names: HashSet<&str> =
            self.chosen.all.iter().map(|&id| ledger.packages.all()[id as usize].name.as_str()).collect();
        let installs = !names.is_empty();
        for (place, class) in survey.all() {
            let goes = match class {
                Class::Package(id) => self.chosen.all.contains(&id),
                Class::State => {
                    let path = survey.tree.path(place);
                    let path = path.trim_start_matches('/');
                    let list = self.accounts && ACCOUNTS.contains(&path.trim_end_matches('-'));
                    let linker = self.ldconfig
                        && (path == "etc/ld.so.cache" || path.starts_with("var/cache/ldconfig/"));
                    let passing = ["var/cache/apt/", "var/lib/apt/lists/", "tmp/", "var/tmp/"]
                        .iter()
                        .any(|dir| path.starts_with(dir));
                    let of_package = path.starts_with("var/lib/dpkg/info/");
                    let ours = || {
                        !of_package
                            || recommends::owner(image, place).is_some_and(|name| names.contains(name))
                    };
                    list || linker || (installs && !passing && ours())
                }
                _ => false,
            };
            if goes {
                let dirs = std::iter::successors(Some(place), |&place| ledger.places.parent(place));
                of.extend(dirs.map(|place| (place, 0)));
            }
        }
    }
}

/// Packs the visible entries of these places, each into the new layer of its number.
fn packed(
    opened: &Opened,
    survey: &Survey,
    of: &HashMap<PlaceId, usize>,
    count: usize,
) -> Result<(u64, u64), Failure> {
    let (tree, ledger) = (survey.tree, survey.tree.ledger);
    // The layers that have something of a content, and the first name of it in each.
    let mut first: HashMap<(u32, usize), PlaceId> = HashMap::new();
    let mut stored: HashMap<u32, usize> = HashMap::new();
    let mut again = 0;
    let mut layers = BTreeSet::new();
    let mut places: Vec<(PlaceId, usize)> = of.iter().map(|(&place, &number)| (place, number)).collect();
    places.sort_unstable();
    for (place, number) in places {
        let Some(put) = tree.above(place) else { continue };
        layers.insert(put.layer);
        let Some(inode) = ledger.inode(put).filter(|_| survey.is_file(put)) else { continue };
        layers.insert(inode.layer);
        if *stored.entry(put.inode).or_insert(number) != number && !first.contains_key(&(put.inode, number)) {
            again += inode.size;
        }
        first.entry((put.inode, number)).or_insert(place);
    }
    let compression = compression(opened, ledger.layers.len().saturating_sub(1));
    let mut packers: Vec<Packer<Count>> =
        (0..count).map(|_| Packer::new(Count::default(), compression)).collect::<io::Result<_>>()?;
    let mut content = again;
    for layer in layers {
        repack::each(opened, ledger, layer.into(), |part, mut entry, body| {
            let Part::Put(_, put) = part else { return Ok(()) };
            let visible = put.gone.is_none() && of.contains_key(&put.place);
            match put.act {
                // Its content, under the first of its names that is copied.
                Act::File => {
                    let Some(&number) = stored.get(&put.inode) else { return Ok(()) };
                    content += entry.size;
                    entry.path = ledger.places.path(first[&(put.inode, number)]);
                    packers[number].append(&entry, body)
                }
                Act::Hardlink => Ok(()),
                _ if visible && put.layer >= tree.base => {
                    packers[of[&put.place]].append(&entry, &mut io::empty())
                }
                _ => Ok(()),
            }
        })?;
    }
    let mut download = again;
    for packer in packers.into_iter().filter(|packer| packer.entries > 0) {
        download += packer.sizes()?.0;
    }
    Ok((content, download))
}
