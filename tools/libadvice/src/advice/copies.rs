//! Files that are stored again with the same content: by a RUN of chown or chmod, which COPY can do itself, or by an
//! instruction that changes nothing at all.

use super::candidate::{Advice, Candidate, Change, Kind, Omitted};
use super::image::Image;
use super::run_text::{self, Run};
use libimage::entries::Part;
use libimage::instruction::Instruction;
use libimage::layer::Act;
use libimage::ledger::{Fate, Put};
use libshell::list;
use std::collections::{BTreeMap, HashSet};

/// Commands that change only metadata.
const META: &[&str] = &["chown", "chmod", "chgrp"];
/// Commands that do not store a file of an earlier layer again.
const HARMLESS: &[&str] = &[
    "adduser", "addgroup", "useradd", "groupadd", "mkdir", "rm", "ln", "apk", "apt-get", "echo", "true",
    "test",
];

pub(super) fn advise<'a>(image: &Image<'a>) -> Vec<Candidate<'a>> {
    let layers = 0..image.ledger.layers.len();
    layers.filter_map(|layer| unchanged(image, layer).or_else(|| metadata(image, layer))).collect()
}

/// The put that a put of this layer replaced, and how that one was hidden.
fn replaced<'a>(image: &Image<'a>, put: &Put) -> Option<(&'a Put, Fate)> {
    let old = image.ledger.puts.get(put.before as usize)?;
    let (by, fate) = old.gone?;
    (by == put.layer && old.layer < put.layer).then_some((old, fate))
}

/// A layer that has only existing files.
fn unchanged<'a>(image: &Image<'a>, layer: usize) -> Option<Candidate<'a>> {
    let (_, maker) = image.maker(layer)?;
    let sums = image.ledger.layers.get(layer)?;
    let all_same = image
        .puts(layer)
        .all(|(_, put)| replaced(image, put).is_some_and(|(_, fate)| fate == Fate::Unchanged));
    if sums.entries == 0 || !all_same || image.puts(layer).count() as u64 != sums.entries {
        return None;
    }
    let word = maker.text.split_whitespace().next()?.to_uppercase();
    let may_go = match word.as_str() {
        "COPY" | "ADD" => true,
        "RUN" => {
            let parts = list::parts(run_text::parse(&maker.text)?.command)?;
            parts.iter().all(|part| META.contains(&list::program(part)))
        }
        _ => false,
    };
    let place = maker.place();
    let title = format!("leave out {place}: it stores only files that are there already");
    let why = format!("Every file of {word} is in the layers below with the same content, mode and owner.");
    let changes = vec![Change::new(maker, Vec::new())];
    let advice = Advice::new(Kind::Drop, title, changes, sums.content, why).filter(|_| may_go)?;
    Some(Candidate { advice, omitted: vec![Omitted::Layer(layer)], always: false })
}

/// A RUN of chown or chmod over files that COPYs brought.
fn metadata<'a>(image: &Image<'a>, layer: usize) -> Option<Candidate<'a>> {
    let (at, maker) = image.maker(layer)?;
    let Run { flags, command } = run_text::parse(&maker.text)?;
    let parts = list::parts(command)?;
    let (meta, others): (Vec<&str>, Vec<&str>) =
        parts.iter().partition(|part| META.contains(&list::program(part)));
    let others_harmless = others.iter().all(|part| HARMLESS.contains(&list::program(part)));
    if meta.is_empty() || !others_harmless {
        return None;
    }
    let mut again: BTreeMap<u16, HashSet<u32>> = BTreeMap::new();
    let (mut ids, mut saves) = (HashSet::new(), 0);
    for (id, put) in image.puts(layer) {
        let Some((old, Fate::Metadata | Fate::Unchanged)) = replaced(image, put) else { continue };
        let size = image.ledger.inode(put).filter(|_| put.act == Act::File).map_or(0, |inode| inode.size);
        // A layer also has the directories of the base above its files.
        if put.act == Act::Dir && image.maker(old.layer.into()).is_none() {
            continue;
        }
        again.entry(old.layer).or_default().insert(put.place);
        ids.insert(id);
        saves += size;
    }
    let whole =
        others.is_empty() && image.puts(layer).count() as u64 == image.ledger.layers.get(layer)?.entries;
    let mut changes = again
        .keys()
        .map(|&source| copy_with_meta(image, usize::from(source), layer, at))
        .collect::<Option<Vec<_>>>()?;
    let copies = changes.iter().map(|change| change.place.clone()).collect::<Vec<_>>().join(", ");
    let left = others.join(" && ");
    let lines = if left.is_empty() { Vec::new() } else { vec![with_flags("RUN", &flags, &left)] };
    changes.push(Change::new(maker, lines));
    let place = maker.place();
    let title = format!("let COPY at {copies} set what {place} changes");
    let why = format!(
        "A layer holds whole files: {place} changes only their owner or mode, and stores them a second time. Numbers work even if the users do not exist yet."
    );
    let advice = Advice::new(Kind::CopyMeta, title, changes, saves, why)?;
    let which = move |part: &Part| matches!(part, Part::Put(id, _) if ids.contains(id));
    let omitted = if whole { Omitted::Layer(layer) } else { Omitted::Entries(layer, Box::new(which)) };
    Some(Candidate { advice, omitted: vec![omitted], always: false })
}

/// The COPY of layer `source` with flags for the metadata that layer `by` sets. `None` if that is not one owner or
/// one mode for all files.
fn copy_with_meta(image: &Image, source: usize, by: usize, before: usize) -> Option<Change> {
    let (at, maker) = image.maker(source)?;
    let is_copy = maker.text.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("COPY "));
    let same_stage = image.instructions.get(before).is_some_and(|by| by.stage == maker.stage);
    let is_plain = is_copy && maker.line.is_some() && !maker.text.contains("<<");
    if !is_plain || !same_stage || at >= before {
        return None;
    }
    let mut owners = HashSet::new();
    let mut modes = HashSet::new();
    let (mut owner_changes, mut mode_changes) = (false, false);
    for (_, put) in image.puts(source) {
        // A directory that existed before keeps its metadata.
        if put.act == Act::Symlink || (put.act == Act::Dir && replaced(image, put).is_some()) {
            continue;
        }
        let after = image.ledger.puts_at(put.place).find(|put| usize::from(put.layer) == by);
        let after = after.unwrap_or(put);
        if !matches!(after.act, Act::File | Act::Dir) || after.xattrs() != put.xattrs() {
            return None;
        }
        owners.insert(after.owner);
        modes.insert(after.mode);
        owner_changes |= after.owner != put.owner;
        mode_changes |= after.mode != put.mode;
    }
    let mut flags = Vec::new();
    if owner_changes {
        let &(uid, gid) = owners.iter().next().filter(|_| owners.len() == 1)?;
        flags.push(("--chown", format!("--chown={uid}:{gid}")));
    }
    if mode_changes {
        let mode = modes.iter().next().filter(|_| modes.len() == 1)?;
        flags.push(("--chmod", format!("--chmod={mode:04o}")));
    }
    Some(Change::new(maker, vec![copy_line(maker, &flags)?]))
}

/// A COPY's text in which these flags replace its own flags of the same name.
fn copy_line(maker: &Instruction, flags: &[(&str, String)]) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    let mut rest = maker.text.split_once(char::is_whitespace)?.1.trim_start();
    while rest.starts_with("--") {
        let (flag, after) = rest.split_once(char::is_whitespace)?;
        let name = flag.split('=').next().unwrap_or(flag);
        if !flags.iter().any(|(known, _)| *known == name) {
            words.push(flag);
        }
        rest = after.trim_start();
    }
    let own: Vec<&str> = flags.iter().map(|(_, flag)| flag.as_str()).chain(words).collect();
    Some(with_flags("COPY", &own, rest))
}

fn with_flags(word: &str, flags: &[&str], rest: &str) -> String {
    let mut words = vec![word];
    words.extend(flags);
    words.push(rest);
    words.join(" ")
}
