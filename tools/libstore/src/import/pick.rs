//! Chooses images of an index. Other entries, such as signatures, are skipped.

use super::{Documents, Select, look, parse_index};
use crate::blob::MAX_JSON;
use crate::error::StoreError;
use crate::image::{is_index, is_manifest};
use crate::index::is_named;
use libwire::Platform;
use libwire::Reference;
use libwire::image::{Descriptor, IMAGE_NAME, Index, REF_NAME};

/// The depth to which indexes may be nested.
const MAX_DEPTH: usize = 8;

/// A chosen manifest.
pub(super) struct Picked {
    pub(super) descriptor: Descriptor,
    /// Its names.
    pub(super) names: Vec<Reference>,
    /// Its names that can't be names here, each with the reason.
    pub(super) left_out: Vec<String>,
}

/// An entry of an index, and the rank of its platform.
struct Ranked {
    entry: Descriptor,
    rank: u32,
}

/// The manifests that `select` means.
pub(super) fn pick(
    source: &mut dyn Documents,
    index: &Index,
    select: &Select,
) -> Result<Vec<Picked>, StoreError> {
    let chosen = choose(source, index, select)?;
    let mut picked = Vec::new();
    for entry in chosen {
        let (names, left_out) = names(&entry);
        picked.push(Picked { descriptor: manifest_of(source, entry, select, 0)?, names, left_out });
    }
    Ok(picked)
}

fn choose(source: &mut dyn Documents, index: &Index, select: &Select) -> Result<Vec<Descriptor>, StoreError> {
    let bad = |what: String| Err(StoreError::invalid("index.json", what));
    let asked = asked_for(index, select)?;
    // A digest chooses an image, whatever its platform is.
    if select.digest.is_some() {
        return Ok(asked.into_iter().take(1).collect());
    }
    let mut ranked = images(source, "index.json", asked, select)?;
    if let Some(name) = said_twice(&ranked) {
        return bad(format!("says twice, and not alike, what {name} is"));
    }
    // The best entry for each name.
    let best = |ranked: &[Ranked], name: &str| {
        let same = ranked.iter().filter(|other| names_text(&other.entry) == name);
        same.map(|other| other.rank).min()
    };
    let keep: Vec<bool> =
        ranked.iter().map(|one| best(&ranked, &names_text(&one.entry)) == Some(one.rank)).collect();
    let mut keep = keep.into_iter();
    ranked.retain(|_| keep.next().unwrap_or(true));
    // If one name stands there several times, or none at all, one image is meant, and it must be clear which.
    let entries: Vec<Descriptor> = ranked.into_iter().map(|one| one.entry).collect();
    let first = &entries[0];
    let same_name = entries.iter().all(|entry| names_text(entry) == names_text(first));
    if !same_name && select.name.is_none() {
        return Ok(entries);
    }
    match entries.iter().find(|entry| entry.digest != first.digest) {
        Some(other) => bad(format!(
            "has several images that fit ({}, {}); choose one with {}",
            label(first),
            label(other),
            select.choose_by
        )),
        None => Ok(entries.into_iter().take(1).collect()),
    }
}

/// The entries with the requested name and digest.
fn asked_for(index: &Index, select: &Select) -> Result<Vec<Descriptor>, StoreError> {
    let bad = |what: String| Err(StoreError::invalid("index.json", what));
    let named = |entry: &&Descriptor| {
        select.name.as_deref().is_none_or(|name| is_named(entry, name) || has_tag(entry, name))
    };
    let pinned = |entry: &&Descriptor| select.digest.is_none_or(|digest| entry.digest == digest);
    let entries: Vec<Descriptor> = index.manifests.iter().filter(named).filter(pinned).cloned().collect();
    match (entries.is_empty(), select.digest, &select.name) {
        (false, ..) => Ok(entries),
        (true, Some(digest), None) => bad(format!("has no image {digest}")),
        (true, _, Some(name)) => bad(format!("has no image {name:?}; there is {}", list(index))),
        (true, None, None) => bad("has no images".into()),
    }
}

/// The images among `entries` whose platform is suitable, with their ranks; there is at least one.
fn images(
    source: &mut dyn Documents,
    place: &str,
    entries: Vec<Descriptor>,
    select: &Select,
) -> Result<Vec<Ranked>, StoreError> {
    let (mut ranked, mut others, mut no_images) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        if let Some(what) = look::no_image(&entry) {
            no_images.push(what);
            continue;
        }
        let known = look::platform(source, &entry);
        let rank = known.as_ref().map_or(Some(Platform::LACKING), |known| known.rank(&select.platform));
        // Manifests for other platforms may be missing, so they are not read.
        match rank.map(|rank| (rank, look::no_image_inside(source, &entry))) {
            Some((_, Some(what))) => no_images.push(what),
            Some((rank, None)) => ranked.push(Ranked { entry, rank }),
            None => others.push((entry, known)),
        }
    }
    let is_sole = others.iter().all(|(other, _)| other.digest == others[0].0.digest);
    match ranked.is_empty() {
        false => Ok(ranked),
        true if others.is_empty() => {
            let what = format!("has no image, only {}", no_images.join(", "));
            Err(StoreError::invalid(place, what))
        }
        true if is_sole && select.other_platform => {
            Ok(others.into_iter().map(|(entry, _)| Ranked { entry, rank: Platform::LACKING }).collect())
        }
        true => {
            let known = others.into_iter().filter_map(|(_, known)| known).collect();
            Err(StoreError::invalid(place, no_platform(known, &select.platform)))
        }
    }
}

/// A name that stands twice for different platforms.
fn said_twice(ranked: &[Ranked]) -> Option<String> {
    let clash = |(at, one): (usize, &Ranked)| {
        let (entry, name) = (&one.entry, names_text(&one.entry));
        let unlike = |Ranked { entry: other, .. }: &&Ranked| {
            names_text(other) == name && other.digest == entry.digest && other.platform != entry.platform
        };
        ranked[..at].iter().find(unlike).filter(|_| !name.is_empty()).map(|_| name.clone())
    };
    ranked.iter().enumerate().find_map(clash)
}

/// Follows indexes down to the manifest with the best platform; the first of equal ones.
pub(super) fn manifest_of(
    source: &mut dyn Documents,
    descriptor: Descriptor,
    select: &Select,
    depth: usize,
) -> Result<Descriptor, StoreError> {
    let place = format!("index {}", descriptor.digest);
    if is_manifest(&descriptor.media_type) {
        return Ok(descriptor);
    }
    if !is_index(&descriptor.media_type) {
        return Err(StoreError::invalid(place, format!("type {:?} is no image", descriptor.media_type)));
    }
    if depth >= MAX_DEPTH {
        return Err(StoreError::invalid(
            place,
            format!("indexes stand more than {MAX_DEPTH} deep in indexes"),
        ));
    }
    let index = parse_index(&place, &source.read(&descriptor, MAX_JSON)?)?;
    if index.media_type.as_ref().is_some_and(|own| *own != descriptor.media_type) {
        return Err(StoreError::invalid(place, "says it is of another type than its descriptor"));
    }
    let ranked = images(source, &place, index.manifests, select)?;
    let best = ranked.into_iter().min_by_key(|one| one.rank);
    let best = best.ok_or_else(|| StoreError::invalid(place, "has no images"))?;
    manifest_of(source, best.entry, select, depth + 1)
}

fn no_platform(known: Vec<Platform>, wanted: &Platform) -> String {
    let mut known: Vec<String> = known.iter().map(Platform::to_string).collect();
    known.sort();
    known.dedup();
    format!("has no image for {wanted}; there is {}, which --platform chooses", known.join(", "))
}

/// An entry's full names, and its invalid names: a ref.name that is only a tag, or that nobody could type.
fn names(entry: &Descriptor) -> (Vec<Reference>, Vec<String>) {
    let annotation = |key: &str| entry.annotations.get(key).map(String::as_str);
    let Some(text) = annotation(IMAGE_NAME).or(annotation(REF_NAME)) else { return Default::default() };
    if annotation(IMAGE_NAME).is_none() && !text.contains([':', '/']) {
        return (Vec::new(), vec![format!("{text:?} is a tag without a name")]);
    }
    match Reference::parse(text) {
        Ok(name) => (vec![name], Vec::new()),
        Err(bad) => (Vec::new(), vec![bad.to_string()]),
    }
}

fn has_tag(entry: &Descriptor, tag: &str) -> bool {
    names(entry).0.iter().any(|name| name.tag() == Some(tag))
}

fn names_text(entry: &Descriptor) -> String {
    let annotation = |key: &str| entry.annotations.get(key).cloned();
    annotation(IMAGE_NAME).or_else(|| annotation(REF_NAME)).unwrap_or_default()
}

/// The names by which entries can be requested.
fn label(entry: &Descriptor) -> String {
    Some(names_text(entry)).filter(|name| !name.is_empty()).unwrap_or_else(|| entry.digest.to_string())
}

fn list(index: &Index) -> String {
    let mut all: Vec<String> =
        index.manifests.iter().map(names_text).filter(|text| !text.is_empty()).collect();
    all.truncate(20);
    if all.is_empty() { "none with a name".into() } else { all.join(", ") }
}
