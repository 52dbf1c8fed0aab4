//! Which images of an index are meant.

use super::{Select, Source, parse_index};
use crate::StoreError;
use crate::image::is_manifest;
use crate::index::{MAX_JSON, is_named};
use libwire::Reference;
use libwire::image::{Descriptor, IMAGE_NAME, Index, MEDIA_INDEX, Platform, REF_NAME};

/// Docker's name for what OCI calls an index.
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// How deep indexes may stand in indexes.
const MAX_DEPTH: usize = 8;

/// The manifests that `select` means, each with the names it has.
pub(super) fn pick(
    source: &mut dyn Source,
    index: &Index,
    select: &Select,
) -> Result<Vec<(Descriptor, Vec<Reference>)>, StoreError> {
    let chosen = choose(index, select)?;
    let mut picked = Vec::new();
    for descriptor in chosen {
        let names = names(&descriptor);
        picked.push((manifest_of(source, descriptor, &select.platform, 0)?, names));
    }
    Ok(picked)
}

fn choose(index: &Index, select: &Select) -> Result<Vec<Descriptor>, StoreError> {
    let bad = |what: String| Err(StoreError::invalid("index.json", what));
    let named = |entry: &&Descriptor| {
        select.name.as_deref().is_none_or(|name| is_named(entry, name) || has_tag(entry, name))
    };
    let pinned = |entry: &&Descriptor| select.digest.is_none_or(|digest| entry.digest == digest);
    let mut entries: Vec<Descriptor> = index.manifests.iter().filter(named).filter(pinned).cloned().collect();
    if entries.is_empty() {
        if let (Some(digest), None) = (select.digest, &select.name) {
            return bad(format!("has no image {digest}"));
        }
        return match &select.name {
            Some(name) => bad(format!("has no image {name:?}; there is {}", list(index))),
            None => bad("has no images".into()),
        };
    }
    // Entries that say for which platform they are count only for that one, unless named by digest.
    let serves = |entry: &Descriptor| suits(entry.platform.as_ref(), &select.platform);
    if select.digest.is_none() && !entries.iter().any(serves) {
        return bad(no_platform(&entries, &select.platform));
    }
    if let Some(name) = said_twice(&entries) {
        return bad(format!("says twice, and not alike, what {name} is"));
    }
    if select.digest.is_none() {
        entries.retain(serves);
    }
    // One name several times, or no names at all: one image. Then it must be clear which.
    let same_name = entries.iter().all(|entry| names_text(entry) == names_text(&entries[0]));
    if same_name || select.name.is_some() {
        if let Some(other) = entries.iter().find(|entry| entry.digest != entries[0].digest) {
            let names = [names_text(&entries[0]), names_text(other)];
            let [first, second] =
                names.map(|name| if name.is_empty() { "without a name".into() } else { name });
            return bad(format!("has several images that fit ({first}, {second}); choose one by its digest"));
        }
        entries.truncate(1);
    }
    Ok(entries)
}

/// A name given to one manifest twice, for different platforms.
fn said_twice(entries: &[Descriptor]) -> Option<String> {
    let clash = |(at, entry): (usize, &Descriptor)| {
        let name = names_text(entry);
        let unlike = |other: &&Descriptor| {
            names_text(other) == name && other.digest == entry.digest && other.platform != entry.platform
        };
        entries[..at].iter().find(unlike).filter(|_| !name.is_empty()).map(|_| name.clone())
    };
    entries.iter().enumerate().find_map(clash)
}

/// Follows indexes down to the manifest for `platform`.
fn manifest_of(
    source: &mut dyn Source,
    descriptor: Descriptor,
    platform: &Platform,
    depth: usize,
) -> Result<Descriptor, StoreError> {
    let place = format!("index {}", descriptor.digest);
    if is_manifest(&descriptor.media_type) {
        return Ok(descriptor);
    }
    if !matches!(descriptor.media_type.as_str(), MEDIA_INDEX | DOCKER_INDEX) {
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
    let exact = |entry: &&Descriptor| suits(entry.platform.as_ref(), platform);
    let Some(entry) = index.manifests.iter().find(exact) else {
        return Err(StoreError::invalid(place, no_platform(&index.manifests, platform)));
    };
    manifest_of(source, entry.clone(), platform, depth + 1)
}

/// Whether an entry's platform serves. An entry that says nothing is looked into.
fn suits(entry: Option<&Platform>, wanted: &Platform) -> bool {
    entry.is_none_or(|entry| {
        let variant = match (&entry.variant, &wanted.variant) {
            (Some(entry), Some(wanted)) => entry == wanted,
            _ => true,
        };
        entry.os == wanted.os && entry.architecture == wanted.architecture && variant
    })
}

fn no_platform(entries: &[Descriptor], wanted: &Platform) -> String {
    let text = |platform: &Platform| {
        let variant = platform.variant.as_ref().map(|variant| format!("/{variant}"));
        format!("{}/{}{}", platform.os, platform.architecture, variant.unwrap_or_default())
    };
    let mut known: Vec<String> =
        entries.iter().filter_map(|entry| entry.platform.as_ref().map(text)).collect();
    known.sort();
    known.dedup();
    format!("has no image for {}; there is {}, which --platform chooses", text(wanted), known.join(", "))
}

/// An entry's full names. A ref.name that is only a tag names nothing.
fn names(entry: &Descriptor) -> Vec<Reference> {
    let annotation = |key: &str| entry.annotations.get(key);
    let full =
        annotation(IMAGE_NAME).or_else(|| annotation(REF_NAME).filter(|text| text.contains([':', '/'])));
    full.and_then(|text| Reference::parse(text).ok()).into_iter().collect()
}

fn has_tag(entry: &Descriptor, tag: &str) -> bool {
    names(entry).iter().any(|name| name.tag() == Some(tag))
}

fn names_text(entry: &Descriptor) -> String {
    let annotation = |key: &str| entry.annotations.get(key).cloned();
    annotation(IMAGE_NAME).or_else(|| annotation(REF_NAME)).unwrap_or_default()
}

fn list(index: &Index) -> String {
    let mut all: Vec<String> =
        index.manifests.iter().map(names_text).filter(|text| !text.is_empty()).collect();
    all.truncate(20);
    if all.is_empty() { "none with a name".into() } else { all.join(", ") }
}
