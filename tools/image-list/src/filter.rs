//! Selects the images to list, by docker's filters and by names or digests.

use libcli::Failure;
use libpattern::path_match;
use libstore::{Image, Named, Store, start_of_digest};
use libwire::time::instant;

/// The known filters, for messages.
const KNOWN: &str = "reference=PATTERN, dangling=true|false, before=IMAGE, since=IMAGE or label=KEY[=VALUE]";

/// A value of `--filter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// One of the image's names matches the pattern.
    Reference(String),
    /// Whether it has no name.
    Dangling(bool),
    /// It was made before this image.
    Before(String),
    /// It was made after this image.
    Since(String),
    /// It has the label, with this value if one is given.
    Label(String, Option<String>),
}

impl Filter {
    /// Parses `KEY=VALUE`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no filter; write {KNOWN}");
        let (key, value) = text.split_once('=').ok_or_else(bad)?;
        let value = value.to_owned();
        match (key, value.as_str()) {
            ("reference", pattern) => {
                path_match(pattern.as_bytes(), b"").map_err(|bad| bad.to_string())?;
                Ok(Self::Reference(value))
            }
            ("dangling", "true" | "1") => Ok(Self::Dangling(true)),
            ("dangling", "false" | "0") => Ok(Self::Dangling(false)),
            ("before", _) => Ok(Self::Before(value)),
            ("since", _) => Ok(Self::Since(value)),
            ("label", label) => Ok(match label.split_once('=') {
                Some((key, value)) => Self::Label(key.to_owned(), Some(value.to_owned())),
                None => Self::Label(value, None),
            }),
            _ => Err(bad()),
        }
    }
}

/// The time when an image was made. As in docker, an image without a time is before all others.
type Made = Option<(i64, u32)>;

/// The selection of the images to list. An image must match one of the patterns, one of the names, and every other
/// filter.
#[derive(Debug)]
pub struct Chosen<'a> {
    filters: &'a [Filter],
    names: &'a [String],
    before: Vec<Made>,
    since: Vec<Made>,
}

impl<'a> Chosen<'a> {
    /// Looks up the images that others are compared with.
    pub fn new(store: &Store, filters: &'a [Filter], names: &'a [String]) -> Result<Self, Failure> {
        let (mut before, mut since) = (Vec::new(), Vec::new());
        for filter in filters {
            let (text, times) = match filter {
                Filter::Before(image) => (image, &mut before),
                Filter::Since(image) => (image, &mut since),
                _ => continue,
            };
            times.push(made(&store.image(&store.find(text)?.descriptor)?));
        }
        for name in names {
            path_match(name.as_bytes(), b"").map_err(Failure::usage)?;
        }
        Ok(Self { filters, names, before, since })
    }

    /// Whether an image, or one name of it, is listed.
    pub fn has(&self, named: &Named, image: &Image) -> bool {
        let made = made(image);
        let labels = &image.config.config.labels;
        let mut patterns = None;
        let all = self.filters.iter().all(|filter| match filter {
            Filter::Reference(pattern) => {
                *patterns.get_or_insert(false) |= is_called(named, pattern);
                true
            }
            Filter::Dangling(wanted) => named.reference.is_none() == *wanted,
            Filter::Before(_) | Filter::Since(_) => true,
            Filter::Label(key, None) => labels.contains_key(key),
            Filter::Label(key, Some(value)) => labels.get(key) == Some(value),
        });
        let asked = |name: &String| is_called(named, name) || has_digest(named, image, name);
        all && patterns != Some(false)
            && self.before.iter().all(|other| made < *other)
            && self.since.iter().all(|other| made > *other)
            && (self.names.is_empty() || self.names.iter().any(asked))
    }
}

fn made(image: &Image) -> Made {
    image.config.created.as_deref().and_then(instant)
}

/// Whether the image's name, short or full, with or without its tag, matches the pattern.
fn is_called(named: &Named, pattern: &str) -> bool {
    let Some(reference) = &named.reference else { return false };
    let (short, full, repository) = (reference.familiar(), reference.to_string(), reference.name());
    let without = &short[..short.len() - (full.len() - repository.len())];
    // Invalid patterns were refused before.
    let fits = |name: &str| path_match(pattern.as_bytes(), name.as_bytes()).unwrap_or(false);
    [&short, without, &full, &repository].into_iter().any(fits)
}

/// Whether the digest of the image's manifest, index or config starts with `text`.
fn has_digest(named: &Named, image: &Image, text: &str) -> bool {
    let digests = [named.descriptor.digest, image.descriptor.digest, image.manifest.config.digest];
    start_of_digest(text).is_some_and(|start| digests.iter().any(|digest| digest.hex().starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use libwire::Reference;
    use libwire::image::{ImageConfig, MEDIA_CONFIG, MEDIA_MANIFEST, Manifest};

    fn add(store: &Store, names: &[&str], created: Option<&str>, label: &str) {
        let mut config = ImageConfig { created: created.map(str::to_owned), ..ImageConfig::default() };
        config.config.labels.insert("by".into(), label.into());
        let config = store.put(&serde_json::to_vec(&config).unwrap(), MEDIA_CONFIG).unwrap();
        let manifest = serde_json::to_vec(&Manifest::new(config, Vec::new())).unwrap();
        let manifest = store.put(&manifest, MEDIA_MANIFEST).unwrap();
        let names: Vec<Reference> = names.iter().map(|name| name.parse().unwrap()).collect();
        store.tag_all(&names, &manifest).unwrap();
    }

    #[test]
    fn filters_choose_what_docker_chooses() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), libstore::Options::default()).unwrap();
        add(&store, &["app:1", "app:2", "r.example/a/b:1"], Some("2020-01-01T12:00:00Z"), "me");
        add(&store, &["base"], Some("2020-01-01T12:30:00+01:00"), "you");
        add(&store, &[], None, "x=y");
        let config =
            store.image(&store.find("base").unwrap().descriptor).unwrap().manifest.config.digest.hex();
        for (filters, names, wanted) in [
            ("", "", "app:1 app:2 base:latest r.example/a/b:1 -"),
            ("reference=app", "", "app:1 app:2"),
            ("reference=*:1", "", "app:1"),
            ("reference=*/*/*", "", "app:1 app:2 base:latest r.example/a/b:1"),
            ("reference=r.example/*/b", "", "r.example/a/b:1"),
            ("reference=app:2 reference=ba*", "", "app:2 base:latest"),
            ("dangling=true", "", "-"),
            ("dangling=false reference=*:2", "", "app:2"),
            ("before=app:1", "", "base:latest -"),
            ("since=base", "", "app:1 app:2 r.example/a/b:1"),
            ("since=base before=app:1", "", ""),
            ("label=by", "", "app:1 app:2 base:latest r.example/a/b:1 -"),
            ("label=by=x=y", "", "-"),
            ("label=by=me label=no", "", ""),
            ("", "app base", "app:1 app:2 base:latest"),
            ("", "docker.io/library/base", "base:latest"),
            ("", &config[..12], "base:latest"),
            ("label=by=me", &config[..12], ""),
            ("", "nothing", ""),
        ] {
            let filters: Vec<_> = filters.split_whitespace().map(|one| Filter::parse(one).unwrap()).collect();
            let asked: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
            let (rows, _) = crate::list(&store, &filters, &asked).unwrap();
            let listed: Vec<_> = rows.into_iter().map(|row| row.name.unwrap_or_else(|| "-".into())).collect();
            assert_eq!(listed.join(" "), wanted, "{filters:?} {names}");
        }
        assert!(crate::list(&store, &[Filter::Before("nothing".into())], &[]).is_err());
    }

    #[test]
    fn what_is_no_filter_says_which_there_are() {
        for text in ["reference", "dangling=maybe", "colour=red", ""] {
            assert!(Filter::parse(text).unwrap_err().contains("before=IMAGE"), "{text}");
        }
        assert!(Filter::parse("reference=[").unwrap_err().contains("pattern"));
    }
}
