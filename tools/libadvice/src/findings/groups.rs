//! Collects findings: files of the same kind, name and layer are one finding.

use super::finding::{Finding, Kind, NAMED, paths};
use libimage::ledger::{Inode, Ledger};
use libimage::places::PlaceId;
use std::collections::BTreeMap;

/// The findings so far, by kind, name and layer.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<(Kind, String, u16), Group>);

#[derive(Default)]
struct Group {
    bytes: u64,
    hidden: u64,
    files: u64,
    /// The largest files, largest first.
    largest: Vec<(u64, PlaceId)>,
}

impl Groups {
    /// Counts a file.
    pub(super) fn add(&mut self, kind: Kind, what: &str, layer: u16, inode: &Inode) {
        let group = self.0.entry((kind, what.to_owned(), layer)).or_default();
        group.bytes += inode.size;
        group.hidden += if inode.gone.is_some() { inode.size } else { 0 };
        group.name(inode.size, inode.place);
    }

    /// The findings, each with its largest files.
    pub(super) fn finish(self, ledger: &Ledger) -> Vec<Finding> {
        let finding = |((kind, what, layer), group): ((Kind, String, u16), Group)| Finding {
            kind,
            what,
            layer: usize::from(layer) + 1,
            bytes: group.bytes,
            hidden: group.hidden,
            files: group.files,
            paths: paths(ledger, group.largest.iter().map(|&(_, place)| place)),
        };
        self.0.into_iter().map(finding).collect()
    }
}

impl Group {
    fn name(&mut self, size: u64, place: PlaceId) {
        self.files += 1;
        let at = self.largest.partition_point(|&(other, _)| other >= size);
        if at < NAMED {
            self.largest.insert(at, (size, place));
            self.largest.truncate(NAMED);
        }
    }
}
