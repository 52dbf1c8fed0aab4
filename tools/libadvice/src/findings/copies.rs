//! The same content more than once: in files that are all visible, or in files that a later layer stores again.

use super::caches::Cached;
use super::finding::{Finding, Kind, paths};
use super::groups::Groups;
use libimage::ledger::{Fate, Inode, Ledger};
use std::cmp::Reverse;

/// How many groups of duplicates are listed.
const GROUPS: usize = 100;

/// Files that a layer stores again with the same content. They are findings of that layer.
pub(super) fn stored_again(ledger: &Ledger, groups: &mut Groups) {
    for put in &ledger.puts {
        let kind = match put.gone {
            Some((_, Fate::Metadata)) => Kind::MetadataCopy,
            Some((_, Fate::Unchanged)) => Kind::UnchangedCopy,
            _ => continue,
        };
        let (Some(old), Some((by, _))) = (ledger.inode(put), put.gone) else { continue };
        // Another name of an existing file costs nothing.
        let again = ledger.puts_at(put.place).find(|again| again.layer == by);
        if let Some(inode) = again.and_then(|again| ledger.inode(again)).filter(|inode| inode.layer == by) {
            groups.add(kind, &format!("layer {}", old.layer + 1), by, inode);
        }
    }
}

/// Contents of several visible files, the most wasteful first.
pub(super) fn duplicates(ledger: &Ledger, cached: &Cached) -> Vec<Finding> {
    let counts = |inode: &&Inode| inode.gone.is_none() && inode.size > 0 && cached.at(inode.place).is_none();
    let mut visible: Vec<&Inode> = ledger.inodes.iter().filter(counts).collect();
    visible.sort_by_key(|inode| (Reverse(inode.size), inode.content));
    let same = |a: &&Inode, b: &&Inode| (a.size, a.content) == (b.size, b.content);
    let mut groups: Vec<_> = visible.chunk_by(same).filter(|group| group.len() > 1).collect();
    let wasted = |group: &[&Inode]| (group.len() as u64 - 1) * group[0].size;
    groups.sort_by_key(|group| Reverse(wasted(group)));
    let finding = |group: &&[&Inode]| Finding {
        kind: Kind::Duplicate,
        what: format!("{} copies", group.len()),
        layer: usize::from(group.iter().map(|inode| inode.layer).max().unwrap_or_default()) + 1,
        bytes: wasted(group),
        hidden: 0,
        files: group.len() as u64,
        paths: paths(ledger, group.iter().map(|inode| inode.place)),
    };
    groups.iter().take(GROUPS).map(finding).collect()
}
