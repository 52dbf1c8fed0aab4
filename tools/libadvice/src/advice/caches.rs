//! Caches that a RUN leaves in its layer. A cache mount keeps them with the builder. All later RUNs that use the
//! cache get the mount too, because its files are no longer in the image.

use super::apk;
use super::candidate::{Advice, Candidate, Change, Kind, Omitted};
use super::emptying::without_emptying;
use super::image::Image;
use super::run_text::{self, Run};
use crate::findings::Cache;
use libimage::layer::Act;
use libimage::places::PlaceId;
use libshell::list;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Empties apt's cache after each installation, in the images of Debian and Ubuntu.
const DOCKER_CLEAN: &[u8] = b"etc/apt/apt.conf.d/docker-clean";

/// A tool's cached entries by layer, and their directories.
#[derive(Default)]
struct Used {
    layers: BTreeMap<u16, HashSet<u32>>,
    dirs: BTreeMap<PlaceId, Cache>,
    owner: Option<(u32, u32)>,
    inodes: HashSet<u32>,
}

pub(super) fn advise<'a>(image: &Image<'a>) -> Vec<Candidate<'a>> {
    let mut tools: BTreeMap<&str, Used> = BTreeMap::new();
    let mut elsewhere = HashSet::new();
    for (id, put) in (0..).zip(&image.ledger.puts) {
        let cache = image.cached.at(put.place);
        let run = || image.maker(put.layer.into()).and_then(|(_, maker)| run_text::parse(&maker.text));
        match cache.filter(|_| put.act != Act::Special && run().is_some()) {
            Some((cache, dir)) => {
                let used = tools.entry(cache.manager.name).or_default();
                used.layers.entry(put.layer).or_default().insert(id);
                used.dirs.insert(dir, cache);
                used.owner.get_or_insert(put.owner);
                used.inodes.insert(put.inode);
            }
            // A file that also has a name outside the cache would be stored there.
            None if put.act == Act::Hardlink => drop(elsewhere.insert(put.inode)),
            None => {}
        }
    }
    tools.into_iter().filter_map(|(tool, used)| candidate(image, tool, used, &elsewhere)).collect()
}

fn candidate<'a>(
    image: &Image<'a>,
    tool: &str,
    mut used: Used,
    elsewhere: &HashSet<u32>,
) -> Option<Candidate<'a>> {
    let commands: BTreeSet<&str> =
        used.dirs.values().flat_map(|cache| cache.manager.commands).copied().collect();
    let commands: Vec<&str> = commands.into_iter().collect();
    let started = [&image.config.entrypoint, &image.config.cmd];
    if started.into_iter().flatten().flatten().any(|word| list::mentions(word, &commands)) {
        return None;
    }
    let dirs: Vec<String> = used.dirs.keys().map(|&dir| path(image, dir)).collect();
    let (kind, title, changes, what) = remedy(image, tool, &used, &commands, &dirs)?;
    let ledger = image.ledger;
    for ids in used.layers.values_mut() {
        ids.retain(|&id| ledger.puts.get(id as usize).is_some_and(|put| !elsewhere.contains(&put.inode)));
    }
    let of = |inode: &u32| ledger.inodes.get(*inode as usize).filter(|_| !elsewhere.contains(inode));
    let makes = |inode: &&libimage::ledger::Inode| used.layers.contains_key(&inode.layer);
    let saves = used.inodes.iter().filter_map(of).filter(makes).map(|inode| inode.size).sum();
    let clean = ledger.find(DOCKER_CLEAN).is_some_and(|place| ledger.visible(place).is_some());
    let kept = match tool == "apt" && clean {
        true => " /etc/apt/apt.conf.d/docker-clean still empties /var/cache/apt after each installation.",
        false => "",
    };
    let dirs = dirs.join(", ");
    let why = format!("Only {tool} uses {dirs}, and the layer keeps its files;  {what}.{kept}");
    let advice = Advice::new(kind, title, changes, saves, why)?;
    let omitted = used.layers.into_iter().map(|(layer, ids)| {
        Omitted::Entries(
            usize::from(layer),
            Box::new(move |part: &libimage::entries::Part| match part {
                libimage::entries::Part::Put(id, _) => ids.contains(id),
                libimage::entries::Part::Gone(..) => false,
            }),
        )
    });
    Some(Candidate { advice, omitted: omitted.collect(), always: false })
}

fn path(image: &Image, dir: PlaceId) -> String {
    format!("/{}", String::from_utf8_lossy(&image.ledger.places.path(dir)))
}

/// The advice for the cache of a tool: the kind, the title, the lines, and what happens to the cache. apk can install
/// without one, and has an option for that. If the option cannot be added, apk is treated like any other tool.
fn remedy(
    image: &Image,
    tool: &str,
    used: &Used,
    commands: &[&str],
    dirs: &[String],
) -> Option<(Kind, String, Vec<Change>, &'static str)> {
    if tool == "apk"
        && let Some(changes) = changes(image, used, commands, &|text| without_cache(text, commands, dirs))
    {
        let what = "with --no-cache apk fetches its lists when it needs them and keeps none";
        return Some((Kind::NoCache, "install with apk add --no-cache".into(), changes, what));
    }
    let mounts: Option<Vec<String>> =
        used.dirs.iter().map(|(&dir, cache)| mount(image, dir, *cache, used)).collect();
    let mounts = mounts?;
    let changes = changes(image, used, commands, &|text| mounted(text, &mounts, commands, dirs))?;
    let title = format!("keep the cache of {tool} in a cache mount");
    Some((Kind::CacheMount, title, changes, "in a cache mount the next build finds them again"))
}

/// The RUNs that leave the cache, and later RUNs that may read it, after `change` of their texts. The result is
/// lines, and no lines for an instruction that is no longer needed.
fn changes(
    image: &Image,
    used: &Used,
    commands: &[&str],
    change: &dyn Fn(&str) -> Option<Vec<String>>,
) -> Option<Vec<Change>> {
    let (&first, _) = used.layers.first_key_value()?;
    let (first, _) = image.maker(first.into())?;
    let mut changes = Vec::new();
    for instruction in image.instructions[first..].iter().filter(|instruction| !instruction.base) {
        let leaves = instruction.layer.is_some_and(|layer| used.layers.contains_key(&(layer as u16 - 1)));
        let is_run = instruction.text.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("RUN"));
        let uses = is_run && list::mentions(&instruction.text, commands);
        if !leaves && !uses {
            continue;
        }
        // A trigger of the base is not in this Dockerfile.
        let lines = change(&instruction.text).filter(|_| !instruction.by_from)?;
        match lines.first() == Some(&instruction.text) {
            true if leaves => return None,
            true => {}
            false => changes.push(Change::new(instruction, lines)),
        }
    }
    Some(changes)
}

/// A RUN with mounts, and without commands that empty them. No line if it did nothing else.
fn mounted(text: &str, mounts: &[String], commands: &[&str], dirs: &[String]) -> Option<Vec<String>> {
    let Run { flags, command } = run_text::parse(text)?;
    let command = without_emptying(command, commands, dirs)?;
    if command.is_empty() {
        return Some(Vec::new());
    }
    let all: Vec<&str> = mounts.iter().map(String::as_str).chain(flags).collect();
    // Several mounts get a line each.
    let between = if all.len() > 1 { "  " } else { " " };
    Some(vec![format!("RUN {}{between}{command}", all.join(between))])
}

/// A RUN in which apk keeps no lists.
fn without_cache(text: &str, commands: &[&str], dirs: &[String]) -> Option<Vec<String>> {
    let Run { flags, command } = run_text::parse(text)?;
    let changed = apk::without_cache(command)?;
    if changed == command {
        return Some(vec![text.to_owned()]);
    }
    if changed.is_empty() {
        return Some(Vec::new());
    }
    let changed =
        without_emptying(&changed, commands, dirs).filter(|left| !left.is_empty()).unwrap_or(changed);
    Some(vec![[&["RUN"], &flags[..], &[changed.as_str()]].concat().join(" ")])
}

fn mount(image: &Image, dir: PlaceId, cache: Cache, used: &Used) -> Option<String> {
    let path = String::from_utf8(image.ledger.places.path(dir)).ok()?;
    if path.contains([',', '"', ' ', '$', '\\']) || path.chars().any(char::is_control) {
        return None;
    }
    let sharing = if cache.manager.locked { ",sharing=locked" } else { "" };
    let owner = match used.owner {
        Some((uid, gid)) if (uid, gid) != (0, 0) => format!(",uid={uid},gid={gid}"),
        _ => String::new(),
    };
    Some(format!("--mount=type=cache,target=/{path}{sharing}{owner}"))
}
