//! Reads registries.conf(5) of podman, skopeo and buildah: the locations and mirrors of the names below a prefix. Its
//! lists of registries for short names, and its aliases, are never read, because they would change the meaning of a
//! name.

use super::Use;
use super::files::{malformed, read};
use crate::repository::{Repository, canonical};
use libhttp::FetchError;
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The settings of the files, each prefix once.
#[derive(Clone, Debug, Default)]
pub(super) struct Registries(Vec<Registry>);

/// The settings for the names below a prefix.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    /// The file that has them.
    pub file: PathBuf,
    prefix: String,
    /// The location that replaces the prefix, if there is one.
    location: Option<String>,
    pub is_insecure: bool,
    pub is_blocked: bool,
    pub mirrors: Vec<Mirror>,
}

#[derive(Clone, Debug)]
pub(super) struct Mirror {
    pub location: String,
    pub is_insecure: bool,
    pub serves: Use,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    registry: Vec<Table>,
    /// The format before version 2.
    registries: Option<Lists>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Table {
    prefix: Option<String>,
    location: Option<String>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<MirrorTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MirrorTable {
    location: String,
    #[serde(default)]
    insecure: bool,
    pull_from_mirror: Option<PullFromMirror>,
}

#[derive(Deserialize)]
enum PullFromMirror {
    #[serde(rename = "all", alias = "")]
    All,
    #[serde(rename = "digest-only")]
    DigestOnly,
    #[serde(rename = "tag-only")]
    TagOnly,
}

#[derive(Deserialize)]
struct Lists {
    insecure: Option<List>,
    block: Option<List>,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    registries: Vec<String>,
}

impl Registries {
    /// Reads the first of `files` that exists, then the files of the directories `parts`, in the order of their names.
    /// The last entry for a prefix counts.
    pub fn read(files: &[PathBuf], parts: &[PathBuf]) -> Result<Self, FetchError> {
        let mut all = Self::default();
        for path in files {
            if let Some(text) = read(path)? {
                all.add(path, &text)?;
                break;
            }
        }
        for dir in parts {
            for path in in_order(dir)? {
                if let Some(text) = read(&path)? {
                    all.add(&path, &text)?;
                }
            }
        }
        Ok(all)
    }

    fn add(&mut self, path: &Path, text: &str) -> Result<(), FetchError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(start).filter(|&byte| byte == b'\n').count();
            malformed(path, &format!("line {line}: {}", error.message().replace('\n', " ")))
        })?;
        let lists = document.registries.into_iter().flat_map(Lists::tables);
        for table in document.registry.into_iter().chain(lists) {
            let registry = Registry::of(table, path)?;
            self.0.retain(|known| known.prefix != registry.prefix);
            self.0.push(registry);
        }
        Ok(())
    }

    /// The settings for a repository: those of the longest prefix above it.
    pub fn find(&self, repository: &Repository) -> Option<&Registry> {
        let name = repository.name();
        let all = self.0.iter().filter_map(|registry| Some((below(&name, &registry.prefix)?, registry)));
        // If two have the same length, the one without a star is more specific.
        let longest = all.max_by_key(|(length, registry)| (*length, !registry.prefix.starts_with('*')));
        longest.map(|(_, registry)| registry)
    }
}

impl Lists {
    fn tables(self) -> Vec<Table> {
        let of = |list: Option<List>, insecure: bool| {
            list.into_iter().flat_map(|list| list.registries).map(move |host| Table {
                prefix: None,
                location: Some(host),
                insecure,
                blocked: !insecure,
                mirror_by_digest_only: false,
                mirror: Vec::new(),
            })
        };
        of(self.insecure, true).chain(of(self.block, false)).collect()
    }
}

impl Registry {
    fn of(table: Table, file: &Path) -> Result<Self, FetchError> {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (prefix, location) = (some(table.prefix), some(table.location));
        let Some(prefix) = prefix.or(location.clone()) else {
            return Err(malformed(file, "a registry has neither prefix nor location"));
        };
        let wrong = |text: &str, why: &str| malformed(file, &format!("{text:?}: {why}"));
        let checked = |text: String| {
            place(&text).ok_or_else(|| {
                wrong(&text, "this is no HOST[:PORT][/NAME], with lower-case names and without https://")
            })
        };
        let is_star = prefix.strip_prefix("*.").map(str::to_ascii_lowercase);
        let prefix = match is_star {
            Some(domain) if !domain.contains(['/', ':']) && place(&domain).is_some() => format!("*.{domain}"),
            _ => checked(prefix)?,
        };
        let mirror = |mirror: MirrorTable| {
            let serves = match (mirror.pull_from_mirror, table.mirror_by_digest_only) {
                (Some(_), true) => {
                    let why = "it has mirror-by-digest-only, so its mirrors can't have pull-from-mirror";
                    return Err(wrong(&prefix, why));
                }
                (Some(PullFromMirror::DigestOnly), _) | (None, true) => Use::Digests,
                (Some(PullFromMirror::TagOnly), _) => Use::Tags,
                (Some(PullFromMirror::All) | None, _) => Use::All,
            };
            Ok(Mirror { location: checked(mirror.location)?, is_insecure: mirror.insecure, serves })
        };
        Ok(Self {
            file: file.to_owned(),
            mirrors: table.mirror.into_iter().map(mirror).collect::<Result<_, _>>()?,
            location: location.map(checked).transpose()?,
            is_insecure: table.insecure,
            is_blocked: table.blocked,
            prefix,
        })
    }

    /// The location of a repository below the prefix.
    pub fn locate(&self, repository: &Repository) -> Result<Repository, FetchError> {
        match &self.location {
            None => Ok(repository.clone()),
            Some(location) => self.moved(repository, location),
        }
    }

    /// The repository with `location` in the prefix's place.
    pub fn moved(&self, repository: &Repository, location: &str) -> Result<Repository, FetchError> {
        let name = repository.name();
        let rest = &name[below(&name, &self.prefix).unwrap_or_default()..];
        let there = format!("{location}{rest}");
        let repository = there.split_once('/').ok_or_else(|| "it has no repository".to_owned());
        let repository = repository.and_then(|(domain, path)| Repository::of(domain, path));
        repository
            .map_err(|why| malformed(&self.file, &format!("{location:?}: {there} is no repository: {why}")))
    }
}

/// The text in the form for comparison, if it is a host, perhaps with a name below it.
fn place(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let (domain, path) = text.split_once('/').map_or((text, None), |(domain, path)| (domain, Some(path)));
    Repository::of(domain, path.unwrap_or("x")).ok()?;
    let domain = canonical(domain);
    Some(path.map_or(domain.clone(), |path| format!("{domain}/{path}")))
}

/// The bytes of `name` that `prefix` covers, if the name is the prefix or below it.
fn below(name: &str, prefix: &str) -> Option<usize> {
    let end = match prefix.strip_prefix('*') {
        Some(domain) => {
            let host = name.split('/').next().unwrap_or_default();
            host.split(':')
                .next()
                .unwrap_or_default()
                .ends_with(domain)
                .then(|| host.find(':').unwrap_or(host.len()))?
        }
        None => name.starts_with(prefix).then_some(prefix.len())?,
    };
    matches!(name.as_bytes().get(end), None | Some(b'/' | b':')).then_some(end)
}

/// The files `*.conf` in a directory, if it exists.
fn in_order(dir: &Path) -> Result<Vec<PathBuf>, FetchError> {
    let name = dir.display().to_string();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(FetchError::io(&name)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(FetchError::io(&name))?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "conf"));
    paths.sort();
    Ok(paths)
}
