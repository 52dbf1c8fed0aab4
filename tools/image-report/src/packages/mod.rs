//! The packages of an image and whose file is whose: what dpkg and apk wrote down in the layers, followed layer
//! by layer. It believes these records for names only; sizes are the ledger's. rpm's database is not read.

mod apk;
mod dpkg;

use crate::layer::{Act, Layer};
use crate::ledger::Ledger;
use crate::places::{NONE, PlaceId};
use std::collections::{HashMap, HashSet};

/// The largest record of a package manager that is read, in bytes.
const MAX_TEXT: u64 = 32 << 20;

/// Whose package it is.
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
    /// Whose it is.
    pub manager: Manager,
    /// What it is for, in the distribution's words; empty where it does not say.
    pub section: String,
    /// What it needs: each one of several names.
    pub depends: Vec<Vec<String>>,
    /// What is installed with it unless told otherwise.
    pub recommends: Vec<Vec<String>>,
    /// Names it also answers to.
    pub provides: Vec<String>,
    /// The layer that installed it, from 0.
    pub layer: u16,
    /// The layer that removed it.
    pub gone: Option<u16>,
}

/// A package as one record describes it.
#[derive(Debug, Default, PartialEq)]
struct Stanza {
    name: String,
    version: String,
    section: String,
    depends: Vec<Vec<String>>,
    recommends: Vec<Vec<String>>,
    provides: Vec<String>,
    files: Vec<Vec<u8>>,
}

/// All packages of all layers.
#[derive(Default)]
pub struct Packages {
    all: Vec<Package>,
    index: HashMap<(Manager, String), u32>,
    /// The package of each place, or [`NONE`].
    owners: Vec<u32>,
}

/// Whether a package manager's record is at this path, and of a size to be read.
pub fn is_record(path: &[u8], size: u64) -> bool {
    size <= MAX_TEXT && (dpkg::is_record(path) || apk::is_record(path))
}

impl Packages {
    /// All that were ever installed, in the order in which layers did.
    pub fn all(&self) -> &[Package] {
        &self.all
    }

    /// The package that a file belongs to, or belonged to.
    pub fn owner(&self, place: PlaceId) -> Option<&Package> {
        self.all.get(self.owner_id(place)? as usize)
    }

    /// That package's position among all.
    pub fn owner_id(&self, place: PlaceId) -> Option<u32> {
        self.owners.get(place as usize).copied().filter(|&id| id != NONE)
    }

    /// Follows one more layer, which the ledger has followed already.
    pub(crate) fn follow(&mut self, ledger: &Ledger, layer: &Layer, number: u16) {
        self.owners.resize(ledger.places.count(), NONE);
        let texts = || layer.texts().filter_map(|(path, text)| Some((std::str::from_utf8(path).ok()?, text)));
        for (path, text) in texts() {
            if dpkg::is_status(path) {
                self.installed(Manager::Dpkg, dpkg::stanzas(text), number, true);
            } else if dpkg::is_single_status(path) {
                self.installed(Manager::Dpkg, dpkg::stanzas(text), number, false);
            } else if apk::is_record(path.as_bytes()) {
                for (id, files) in self.installed(Manager::Apk, apk::stanzas(text), number, true) {
                    self.own(ledger, id, files.iter().map(Vec::as_slice));
                }
            }
        }
        for (path, text) in texts() {
            if let Some((name, files)) = dpkg::files(path, text)
                && let Some(&id) = self.index.get(&(Manager::Dpkg, name.to_owned()))
            {
                self.own(ledger, id, files);
            }
        }
    }

    /// Takes the packages of a record; when it is `whole`, others of this manager are gone.
    fn installed(
        &mut self,
        manager: Manager,
        stanzas: Vec<Stanza>,
        layer: u16,
        whole: bool,
    ) -> Vec<(u32, Vec<Vec<u8>>)> {
        let mut there = HashSet::new();
        let mut files = Vec::new();
        for stanza in stanzas {
            let Ok(next) = u32::try_from(self.all.len()) else { break };
            let id = *self.index.entry((manager, stanza.name.clone())).or_insert(next);
            there.insert(id);
            files.push((id, stanza.files));
            let package = Package {
                name: stanza.name,
                version: stanza.version,
                manager,
                section: stanza.section,
                depends: stanza.depends,
                recommends: stanza.recommends,
                provides: stanza.provides,
                layer,
                gone: None,
            };
            match self.all.get_mut(id as usize) {
                None => self.all.push(package),
                Some(known) if known.gone.is_some() || known.version != package.version => *known = package,
                Some(_) => {}
            }
        }
        if whole {
            for (id, package) in (0..).zip(&mut self.all) {
                if package.manager == manager && package.gone.is_none() && !there.contains(&id) {
                    package.gone = Some(layer);
                }
            }
        }
        files
    }

    fn own<'a>(&mut self, ledger: &Ledger, id: u32, files: impl Iterator<Item = &'a [u8]>) {
        for place in files.filter_map(|path| ledger.find(path)) {
            // Directories are everybody's.
            if ledger.visible(place).is_some_and(|put| put.act != Act::Dir) {
                self.owners[place as usize] = id;
            }
        }
    }
}

#[cfg(test)]
mod tests;
