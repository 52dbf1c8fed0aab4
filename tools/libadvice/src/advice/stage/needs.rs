//! The needs of the copied files, followed through links, interpreters and libraries until each is found: in the
//! base, in a package, or among the author's files, which are then copied. A need that cannot be found ends the
//! search, and there is no advice.

use super::elf::Elf;
use super::entry::Started;
use super::facts::Facts;
use super::survey::{Class, Survey};
use super::tree::Found;
use libimage::layer::Act;
use libimage::places::{PlaceId, Places};
use libwire::image::ImageConfig;
use std::collections::{BTreeSet, HashMap, HashSet};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where dynamic linkers look by default. Debian's configuration puts /usr/local before them.
const TRUSTED: &[&str] = &["/lib/{}", "/usr/lib/{}", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
const LOCAL: &[&str] = &["/usr/local/lib", "/usr/local/lib/{}"];
/// Architectures by OCI's name, ELF's number and Debian's directories.
const MACHINES: &[(&str, u16, &str)] = &[
    ("amd64", 62, "x86_64-linux-gnu"),
    ("arm64", 183, "aarch64-linux-gnu"),
    ("386", 3, "i386-linux-gnu"),
    ("arm", 40, "arm-linux-gnueabihf"),
    ("riscv64", 243, "riscv64-linux-gnu"),
    ("ppc64le", 21, "powerpc64le-linux-gnu"),
    ("s390x", 22, "s390x-linux-gnu"),
];

/// The needs that copying does not satisfy.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Needed {
    /// Packages, by their position in the list.
    pub(super) packages: BTreeSet<u32>,
    /// Whether the dynamic linker must learn the directories of copied libraries.
    pub(super) ldconfig: bool,
}

/// Follows all needs, and marks needed files of the image as the author's, so that they are copied.
pub(super) fn needed(
    survey: &mut Survey,
    facts: &Facts,
    config: &ImageConfig,
    started: &Started,
) -> Option<Needed> {
    let machine = MACHINES.iter().find(|(name, ..)| *name == config.architecture);
    let open: Vec<PlaceId> =
        survey.all().filter(|(_, class)| *class == Class::Own).map(|(place, _)| place).collect();
    let mut search = Search {
        seen: open.iter().copied().collect(),
        open,
        facts,
        machine: machine.map(|(_, number, _)| *number),
        triplet: machine.map_or("", |(.., triplet)| triplet),
        inherited: facts.elf.values().filter_map(|elf| elf.rpath.clone()).collect(),
        libraries: None,
        needed: Needed::default(),
        survey,
    };
    let others = search.open.len();
    search.started(started, config)?;
    for place in search.open.split_off(others) {
        search.open.push(place);
        for beside in search.survey.built_beside(place) {
            search.need_at(beside, Class::Built)?;
        }
    }
    while let Some(place) = search.open.pop() {
        search.look_at(place)?;
    }
    Some(search.needed)
}

struct Search<'s, 'a> {
    survey: &'s mut Survey<'a>,
    facts: &'s Facts,
    machine: Option<u16>,
    triplet: &'static str,
    open: Vec<PlaceId>,
    seen: HashSet<PlaceId>,
    /// The DT_RPATHs of all files. A library inherits that of the file that loads it.
    inherited: BTreeSet<Vec<u8>>,
    /// All libraries by name, once one has to be searched everywhere.
    libraries: Option<HashMap<Vec<u8>, Vec<PlaceId>>>,
    needed: Needed,
}

impl Search<'_, '_> {
    fn follow(&self, dir: PlaceId, path: &[u8]) -> Option<Found> {
        self.survey.tree.follow(dir, path)
    }

    fn started(&mut self, started: &Started, config: &ImageConfig) -> Option<()> {
        let config = &config.config;
        let dir = self
            .follow(Places::ROOT, config.working_dir.as_bytes())
            .map_or(Places::ROOT, |found| found.place);
        let variable =
            |name: &str| config.env.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let path = variable("PATH").unwrap_or(PATH).to_owned();
        self.inherited.extend(variable("LD_LIBRARY_PATH").map(|value| value.as_bytes().to_vec()));
        for program in &started.programs {
            let found = self.program(dir, &path, program)?;
            self.need(found)?;
        }
        for word in &started.words {
            let found = self.follow(dir, word.as_bytes()).or_else(|| self.program(dir, &path, word));
            if let Some(found) = found.filter(|found| self.survey.at(found.place) != Class::State) {
                self.need(found)?;
            }
        }
        Some(())
    }

    fn program(&self, dir: PlaceId, path: &str, name: &str) -> Option<Found> {
        if name.contains('/') {
            return self.follow(dir, name.as_bytes());
        }
        path.split(':').find_map(|at| self.follow(Places::ROOT, format!("{at}/{name}").as_bytes()))
    }

    /// Keeps a place, and the links to it, for the second stage.
    fn need(&mut self, found: Found) -> Option<()> {
        for link in found.links {
            match self.survey.at(link) {
                // A package's scripts make it when the package is installed.
                Class::State => {}
                class => self.need_at(link, class)?,
            }
        }
        self.need_at(found.place, self.survey.at(found.place))
    }

    fn need_at(&mut self, place: PlaceId, class: Class) -> Option<()> {
        match class {
            Class::Base => {}
            Class::Nothing => self.packages_below(place),
            Class::Package(id) => drop(self.needed.packages.insert(id)),
            Class::State | Class::Tool => return None,
            Class::Own | Class::Cache | Class::Source | Class::Built => {
                self.survey.keep(place);
                if self.seen.insert(place) {
                    self.open.push(place);
                }
            }
        }
        Some(())
    }

    /// If a directory is needed, so are the packages' files in it.
    fn packages_below(&mut self, dir: PlaceId) {
        let tree = self.survey.tree;
        if dir == Places::ROOT || tree.had(dir).is_some() {
            return;
        }
        for place in tree.ledger.places.below(dir) {
            if let Class::Package(id) = self.survey.at(place) {
                self.needed.packages.insert(id);
            }
        }
    }

    fn look_at(&mut self, place: PlaceId) -> Option<()> {
        let ledger = self.survey.tree.ledger;
        let Some(put) = ledger.visible(place) else { return Some(()) };
        let dir = ledger.places.parent(place).unwrap_or(Places::ROOT);
        match put.act {
            // A link without a target has none in the second stage either.
            Act::Symlink => self.follow(dir, ledger.link(put)).map_or(Some(()), |found| self.need(found)),
            Act::File | Act::Hardlink => {
                let facts = self.facts;
                if let Some(elf) = facts.elf.get(&put.inode) {
                    return self.elf(dir, elf);
                }
                let runs = put.mode & 0o111 > 0;
                facts.scripts.get(&put.inode).filter(|_| runs).map_or(Some(()), |line| self.script(line))
            }
            _ => Some(()),
        }
    }

    /// The interpreter of a script. If it does not exist, the script cannot run now either.
    fn script(&mut self, line: &[u8]) -> Option<()> {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_whitespace();
        let Some(interpreter) = words.next() else { return Some(()) };
        let Some(found) = self.follow(Places::ROOT, interpreter.as_bytes()) else { return Some(()) };
        self.need(found)?;
        if interpreter.rsplit('/').next() == Some("env") {
            let program = words.find(|word| !word.starts_with('-') && !word.contains('='));
            if let Some(found) = program.and_then(|program| self.program(Places::ROOT, PATH, program)) {
                self.need(found)?;
            }
        }
        Some(())
    }

    fn elf(&mut self, dir: PlaceId, elf: &Elf) -> Option<()> {
        if self.machine.is_some_and(|machine| machine != elf.machine.2) {
            return Some(());
        }
        if let Some(interpreter) = &elf.interpreter {
            let found = self.follow(Places::ROOT, interpreter)?;
            self.need(found)?;
        }
        for name in &elf.needed {
            self.library(dir, elf, name)?;
        }
        Some(())
    }

    fn library(&mut self, dir: PlaceId, elf: &Elf, name: &[u8]) -> Option<()> {
        if name.contains(&b'/') {
            let found = self.follow(Places::ROOT, name)?;
            return self.need(found);
        }
        let said = [&elf.runpath, &elf.rpath].into_iter().flatten().chain(&self.inherited);
        let said = said.flat_map(|dirs| dirs.split(|&byte| byte == b':')).map(|said| self.origin(dir, said));
        let said: Vec<Vec<u8>> = said.collect();
        let places = |dirs: &[&str]| {
            dirs.iter().map(|at| at.replace("{}", self.triplet).into_bytes()).collect::<Vec<_>>()
        };
        let at = |at: &Vec<u8>| self.follow(Places::ROOT, &[at, &b"/"[..], name].concat());
        if let Some(found) = said.iter().find_map(at) {
            return self.need(found);
        }
        if let Some(found) = places(LOCAL).iter().find_map(at) {
            self.needed.ldconfig |= self.survey.at(found.place) == Class::Own;
            return self.need(found);
        }
        if let Some(found) = places(TRUSTED).iter().find_map(at) {
            return self.need(found);
        }
        self.anywhere(name)
    }

    /// A directory in which `$ORIGIN` is replaced by the file's own.
    fn origin(&self, dir: PlaceId, said: &[u8]) -> Vec<u8> {
        let own = self.survey.tree.path(dir);
        let said = String::from_utf8_lossy(said);
        said.replace("${ORIGIN}", &own).replace("$ORIGIN", &own).into_bytes()
    }

    /// A library that is in none of the usual directories. All files of that name come from one package, or are in
    /// the second stage anyway, so it does not matter which is meant.
    fn anywhere(&mut self, name: &[u8]) -> Option<()> {
        let ledger = self.survey.tree.ledger;
        let libraries = self.libraries.take().unwrap_or_else(|| {
            let mut all: HashMap<Vec<u8>, Vec<PlaceId>> = HashMap::new();
            let files = ledger.puts.iter().filter(|put| put.gone.is_none() && put.act != Act::Dir);
            let named = files.map(|put| (ledger.places.name(put.place), put.place));
            for (name, place) in named.filter(|(name, _)| name.windows(3).any(|part| part == b".so")) {
                all.entry(name.to_vec()).or_default().push(place);
            }
            all
        });
        let places = libraries.get(name).cloned().unwrap_or_default();
        self.libraries = Some(libraries);
        let mut packages = BTreeSet::new();
        for &place in &places {
            match self.survey.at(place) {
                Class::Base => {}
                Class::Own => self.needed.ldconfig = true,
                Class::Package(id) => drop(packages.insert(id)),
                _ => return None,
            }
        }
        self.needed.packages.extend(&packages);
        (!places.is_empty() && packages.len() <= 1).then_some(())
    }
}
