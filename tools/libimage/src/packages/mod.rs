//! The packages of an image and their files, from the records of dpkg and apk, followed layer by layer. Only names
//! are taken from these records; sizes are the ledger's. rpm's database is not read.

mod apk;
mod dpkg;
mod stanza;

use crate::places::{NONE, PlaceId};
use stanza::Stanza;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The largest record of a package manager that is read, in bytes.
const MAX_TEXT: u64 = 32 << 20;

/// The package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// Debian's.
    Dpkg,
    /// Alpine's.
    Apk,
}

/// A package that some layer installed.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its package manager.
    pub manager: Manager,
    /// Its section, in the distribution's words; empty if it has none.
    pub section: String,
    /// Its dependencies. Each is met by any of several names.
    pub depends: Vec<Vec<String>>,
    /// Packages that are installed with it by default.
    pub recommends: Vec<Vec<String>>,
    /// Other names that it provides.
    pub provides: Vec<String>,
    /// The layer that installed it, from 0.
    pub layer: u16,
    /// The layer that removed it, if one did.
    pub gone: Option<u16>,
}

impl Package {
    fn of(stanza: Stanza, manager: Manager, layer: u16) -> Self {
        let Stanza { name, version, section, depends, recommends, provides, files: _ } = stanza;
        Self { name, version, manager, section, depends, recommends, provides, layer, gone: None }
    }
}

/// A claim that a file belongs to a package: the package's position in the list, and the path.
pub(crate) type Claim<'a> = (u32, Cow<'a, [u8]>);

/// All packages of all layers.
#[derive(Default)]
pub struct Packages {
    all: Vec<Package>,
    index: HashMap<(Manager, String), u32>,
    /// The package of each place, or [`NONE`].
    owners: Vec<u32>,
}

/// Whether this is the path of a package manager's record, and its size can be read.
pub fn is_record(path: &[u8], size: u64) -> bool {
    size <= MAX_TEXT && (dpkg::is_record(path) || apk::is_record(path))
}

impl Packages {
    /// All packages that were ever installed, in the order of the layers.
    pub fn all(&self) -> &[Package] {
        &self.all
    }

    /// The package that a file belongs to, or belonged to.
    pub fn owner(&self, place: PlaceId) -> Option<&Package> {
        self.all.get(self.owner_id(place)? as usize)
    }

    /// The position of that package in the list.
    pub fn owner_id(&self, place: PlaceId) -> Option<u32> {
        self.owners.get(place as usize).copied().filter(|&id| id != NONE)
    }

    /// Follows one more layer by its records, each a path and a text. Returns the claims of packages to files, in the
    /// order of the records.
    pub(crate) fn follow<'a>(
        &mut self,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        layer: u16,
    ) -> Vec<Claim<'a>> {
        let records: Vec<(&str, &[u8])> =
            records.filter_map(|(path, text)| Some((std::str::from_utf8(path).ok()?, text))).collect();
        let mut claims = Vec::new();
        for &(path, text) in &records {
            if dpkg::is_status(path) {
                self.installed(Manager::Dpkg, dpkg::stanzas(text), layer, true);
            } else if dpkg::is_single_status(path) {
                self.installed(Manager::Dpkg, dpkg::stanzas(text), layer, false);
            } else if apk::is_record(path.as_bytes()) {
                for (id, files) in self.installed(Manager::Apk, apk::stanzas(text), layer, true) {
                    claims.extend(files.into_iter().map(|file| (id, file.into())));
                }
            }
        }
        for (path, text) in records {
            if let Some((name, files)) = dpkg::files(path, text)
                && let Some(&id) = self.index.get(&(Manager::Dpkg, name.to_owned()))
            {
                claims.extend(files.map(|file| (id, file.into())));
            }
        }
        claims
    }

    /// Assigns the file at a place to a package.
    pub(crate) fn assign(&mut self, place: PlaceId, package: u32) {
        let at = place as usize;
        if self.owners.len() <= at {
            self.owners.resize(at + 1, NONE);
        }
        self.owners[at] = package;
    }

    /// Adds the packages of a record, and returns their files with the package's position in the list. If the record
    /// is `whole`, other packages of this manager are gone.
    fn installed(
        &mut self,
        manager: Manager,
        stanzas: Vec<Stanza>,
        layer: u16,
        whole: bool,
    ) -> Vec<(u32, Vec<Vec<u8>>)> {
        let mut files = Vec::new();
        for mut stanza in stanzas {
            let Ok(next) = u32::try_from(self.all.len()) else { break };
            let id = *self.index.entry((manager, stanza.name.clone())).or_insert(next);
            files.push((id, std::mem::take(&mut stanza.files)));
            let package = Package::of(stanza, manager, layer);
            match self.all.get_mut(id as usize) {
                None => self.all.push(package),
                Some(known) if known.gone.is_some() || known.version != package.version => *known = package,
                Some(_) => {}
            }
        }
        if whole {
            let there: HashSet<u32> = files.iter().map(|(id, _)| *id).collect();
            for (id, package) in (0..).zip(&mut self.all) {
                if package.manager == manager && package.gone.is_none() && !there.contains(&id) {
                    package.gone = Some(layer);
                }
            }
        }
        files
    }
}

#[cfg(test)]
mod tests;
