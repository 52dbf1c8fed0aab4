//! A sentence about the packages, caches and directories that a second stage leaves out.

use super::roots::Chosen;
use super::survey::{Class, Survey};
use crate::advice::image::Image;
use libcli::human;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How many packages and directories are named.
const NAMED: usize = 2;

/// The largest things that the second stage leaves out, and the bytes that were hidden.
pub(super) fn sentence(image: &Image, survey: &Survey, chosen: &Chosen) -> String {
    let ledger = survey.tree.ledger;
    let (mut packages, mut dirs): (BTreeMap<u32, u64>, BTreeMap<String, u64>) = Default::default();
    let mut caches = 0;
    for (place, class) in survey.all() {
        let Some(put) = survey.tree.above(place).filter(|put| survey.is_file(put)) else { continue };
        let Some(inode) = ledger.inode(put).filter(|inode| inode.place == place) else { continue };
        match class {
            Class::Package(id) if !chosen.all.contains(&id) => *packages.entry(id).or_default() += inode.size,
            Class::State | Class::Cache if image.cached.at(place).is_some() => caches += inode.size,
            Class::Cache | Class::Tool | Class::Source | Class::Built => {
                *dirs.entry(top(&survey.tree.path(place))).or_default() += inode.size;
            }
            _ => {}
        }
    }
    let hidden = ledger.inodes.iter().filter(|inode| inode.layer >= survey.tree.base && inode.gone.is_some());
    let hidden: u64 = hidden.map(|inode| inode.size).sum();
    let mut parts = Vec::new();
    let sum = packages.values().sum::<u64>();
    let name = |id: u32| ledger.packages.all()[id as usize].name.clone();
    let packages: Vec<(String, u64)> = packages.into_iter().map(|(id, bytes)| (name(id), bytes)).collect();
    parts.extend(listed(packages, "packages").map(|text| format!("{text}, {}", human(sum))));
    parts.extend((caches > 0).then(|| format!("package lists and caches, {}", human(caches))));
    let sum = dirs.values().sum::<u64>();
    parts.extend(
        listed(dirs.into_iter().collect(), "directories").map(|text| format!("{text}, {}", human(sum))),
    );
    parts.extend((hidden > 0).then(|| format!("what later layers hide, {}", human(hidden))));
    format!(
        "Left out: {}. The needs of programs are read from their files. Files that a program opens by name while it runs, \
         such as data and plugins, are not noticed: try the new image.",
        parts.join("; ")
    )
}

/// The largest by name, and the number of the others.
fn listed(mut all: Vec<(String, u64)>, of: &str) -> Option<String> {
    all.sort_by_key(|(_, bytes)| Reverse(*bytes));
    let more = all.len().saturating_sub(NAMED);
    let names: Vec<String> = all.into_iter().take(NAMED).map(|(name, _)| name).collect();
    let (last, others) = names.split_last()?;
    Some(match (more, others.is_empty()) {
        (0, true) => last.clone(),
        (0, false) => format!("{} and {last}", others.join(", ")),
        (more, _) => format!("{} and {more} more {of}", names.join(", ")),
    })
}

/// The directory of a path, at most two components.
fn top(path: &str) -> String {
    let dirs: Vec<&str> = path.split('/').collect();
    match &dirs[..] {
        ["", file] => format!("/{file}"),
        ["", first, _] => format!("/{first}"),
        ["", first, second, ..] => format!("/{first}/{second}"),
        _ => path.to_owned(),
    }
}
