//! Layers that become one, without some places: the entries that stay, and their names. Entries that one layer of the
//! group hides of another are gone. A whiteout stays if it hides something below the group.

use super::plan::Plan;
use crate::repack::Packer;
use libcli::Failure;
use libimage::entries::{Part, each};
use libimage::layer::Act;
use libimage::ledger::{Ledger, Put};
use libimage::places::PlaceId;
use libimage::source::Opened;
use libtree::tar::{Entry, EntryKind};
use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};

/// Layers `first..=last`, from 0.
pub(super) struct Group<'a> {
    ledger: &'a Ledger,
    plan: &'a Plan,
    first: u16,
    last: u16,
    /// Files whose first name goes, and the put of another name that gets the content.
    renamed: HashMap<u32, u32>,
}

impl<'a> Group<'a> {
    pub(super) fn new(ledger: &'a Ledger, plan: &'a Plan, first: u16, last: u16) -> Result<Self, String> {
        let mut group = Self { ledger, plan, first, last, renamed: HashMap::new() };
        let stays = |(_, put): &(u32, &Put)| group.stays(put);
        let stored: HashSet<u32> = group
            .puts()
            .filter(stays)
            .filter(|(_, put)| put.act == Act::File)
            .map(|(_, put)| put.inode)
            .collect();
        let mut renamed = HashMap::new();
        let links = group.puts().filter(stays).filter(|(_, put)| put.act == Act::Hardlink);
        for (id, put) in links.filter(|(_, put)| !stored.contains(&put.inode)) {
            let Some(inode) = ledger.inode(put) else { continue };
            if inode.layer >= first {
                renamed.entry(put.inode).or_insert(id);
            } else if plan.drops(inode.place, inode.layer) {
                let name = |place| String::from_utf8_lossy(&ledger.places.path(place)).into_owned();
                return Err(format!(
                    "--what-if: /{} is another name of /{}, in a layer above it: the result cannot be computed",
                    name(put.place),
                    name(inode.place)
                ));
            }
        }
        group.renamed = renamed;
        Ok(group)
    }

    /// Whether it is one unchanged layer.
    pub(super) fn changes_nothing(&self) -> bool {
        self.first == self.last && !self.puts().any(|(_, put)| self.plan.drops(put.place, put.layer))
    }

    fn puts(&self) -> impl Iterator<Item = (u32, &'a Put)> {
        let puts = &self.ledger.puts;
        let start = puts.partition_point(|put| put.layer < self.first);
        let end = puts.partition_point(|put| put.layer <= self.last);
        (start as u32..).zip(&puts[start..end])
    }

    fn stays(&self, put: &Put) -> bool {
        !self.plan.drops(put.place, put.layer) && put.gone.is_none_or(|(by, _)| by > self.last)
    }

    /// Packs the group. Returns the packer, and the bytes of its files.
    pub(super) fn pack<W: Write>(
        &self,
        opened: &Opened,
        mut packer: Packer<W>,
    ) -> Result<(Packer<W>, u64), Failure> {
        let mut content = 0;
        let mut removed = HashSet::new();
        for layer in self.first..=self.last {
            each(opened, self.ledger, layer.into(), |part, entry, body| {
                let Some(entry) = self.becomes(part, entry, &mut removed) else { return Ok(()) };
                content += if entry.kind == EntryKind::File { entry.size } else { 0 };
                append(&mut packer, &entry, body)
            })?;
        }
        Ok((packer, content))
    }

    /// The entry of the group's layer for an entry, if any.
    fn becomes(
        &self,
        part: &Part,
        mut entry: Entry,
        removed: &mut HashSet<(PlaceId, bool)>,
    ) -> Option<Entry> {
        let (id, put) = match part {
            Part::Gone(removal) => {
                let place = removal.place?;
                let hides = !self.plan.drops(place, self.first)
                    && removed.insert((place, removal.act == Act::Opaque))
                    && self.ledger.has_below(place, self.first);
                return hides.then_some(entry);
            }
            Part::Put(id, put) => (*id, *put),
        };
        let renamed = self.renamed.get(&put.inode).copied();
        match (put.act, renamed) {
            (Act::File, Some(to)) if !self.stays(put) => {
                entry.path = self.path(to)?;
                Some(entry)
            }
            // The content came with the name that is gone.
            (Act::Hardlink, Some(to)) if to == id => None,
            (Act::Hardlink, Some(to)) => {
                entry.link = self.path(to)?;
                Some(entry).filter(|_| self.stays(put))
            }
            (Act::Hardlink, None) => {
                let inode = self.ledger.inode(put).filter(|inode| inode.layer >= self.first);
                // The name in the link may be gone, but the first name exists.
                entry.link = inode.map_or(entry.link, |inode| self.ledger.places.path(inode.place));
                Some(entry).filter(|_| self.stays(put))
            }
            _ => Some(entry).filter(|_| self.stays(put)),
        }
    }

    fn path(&self, put: u32) -> Option<Vec<u8>> {
        self.ledger.puts.get(put as usize).map(|put| self.ledger.places.path(put.place))
    }
}

fn append<W: Write>(packer: &mut Packer<W>, entry: &Entry, body: &mut dyn Read) -> io::Result<()> {
    match entry.kind {
        EntryKind::File => packer.append(entry, body),
        _ => packer.append(entry, &mut io::empty()),
    }
}
