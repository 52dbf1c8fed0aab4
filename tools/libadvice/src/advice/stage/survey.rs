//! Classes of the visible paths above the base: a package's, a cache, a tool, a source, files of package managers and
//! their scripts, or the author's own, which a second stage needs. Names, owners and records determine the class, not
//! contents.

use super::makers::Made;
use super::tools::is_tool;
use super::tree::Tree;
use crate::advice::image::Image;
use crate::advice::recommends;
use crate::findings::{Kind, purpose};
use libimage::content::Content;
use libimage::layer::Act;
use libimage::ledger::Put;
use libimage::places::{NONE, PlaceId, Places};
use std::collections::HashSet;

/// The class of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing, or a directory with entries.
    Nothing,
    /// The base's.
    Base,
    /// A file of a package that was installed above the base.
    Package(u32),
    /// The author's own: it belongs in the image.
    Own,
    /// A package manager's records, logs, temporary files, and files of packages' scripts.
    State,
    /// A cache.
    Cache,
    /// A toolchain that belongs to no package.
    Tool,
    /// Sources, headers and similar files.
    Source,
    /// A file that a build left in its own directory, except installed ones.
    Built,
}

/// Directories and files of package managers, and of programs that run only for a while.
const STATE: &[&str] = &[
    "var/lib/dpkg/",
    "var/lib/apt/",
    "var/lib/ucf/",
    "var/lib/python/",
    "var/lib/systemd/deb-systemd-",
    "var/cache/",
    "var/log/",
    "var/tmp/",
    "tmp/",
    "run/",
    "lib/apk/",
    "usr/lib/apk/",
    "etc/apk/world",
    "etc/ld.so.cache",
    "etc/.pwd.lock",
    "etc/ca-certificates.conf",
    "etc/ssl/certs/",
    "usr/share/mime/",
    "usr/share/info/dir",
    "root/.wget-hsts",
    "etc/machine-id",
    "var/lib/dbus/machine-id",
    "usr/lib/locale/locale-archive",
];
/// The same, even if they are symbolic links.
const LINKS: &[&str] = &["etc/alternatives/", "var/lib/dpkg/", "etc/ssl/certs/"];
/// The lists of accounts. A dash at the end of the name marks the earlier version.
pub(super) const ACCOUNTS: &[&str] =
    &["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid"];
/// Names of files that tell how to build.
const BUILD_FILES: &[&str] = &[
    "Makefile",
    "makefile",
    "GNUmakefile",
    "CMakeLists.txt",
    "meson.build",
    "configure",
    "configure.ac",
    "CMakeCache.txt",
    "CTestTestfile.cmake",
    "cmake_install.cmake",
    "install_manifest.txt",
    "build.ninja",
    ".ninja_log",
    ".ninja_deps",
    "config.status",
    "config.log",
    "Cargo.toml",
    "Cargo.lock",
    "go.mod",
    "go.sum",
    "pom.xml",
    "build.gradle",
    "Dockerfile",
    ".dockerignore",
    ".gitignore",
];
/// Directories from which an interpreter loads modules. It may load any kind of file there.
const MODULES: &[&[u8]] = &[b"site-packages", b"dist-packages", b"node_modules"];

/// Files that mark a build directory.
const BUILD_TREES: &[&[u8]] = &[b"CMakeCache.txt", b"config.status", b".ninja_log"];

const IN_MODULES: u8 = 1;
const IN_CACHE: u8 = 2;
const IN_BUILD: u8 = 4;

/// All places of an image.
pub(super) struct Survey<'a> {
    pub(super) tree: Tree<'a>,
    pub(super) made: Vec<Made<'a>>,
    classes: Vec<Class>,
    /// The contents of packages' files, by layer.
    packaged: HashSet<(u16, Content)>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(image: &Image<'a>, tree: Tree<'a>, made: Vec<Made<'a>>) -> Self {
        let ledger = tree.ledger;
        let owned = |inode: &&libimage::ledger::Inode| ledger.packages.owner_id(inode.place).is_some();
        let packaged = ledger.inodes.iter().filter(owned).map(|inode| (inode.layer, inode.content)).collect();
        let count = ledger.places.count();
        let mut survey = Self { tree, made, classes: vec![Class::Nothing; count], packaged };
        let mut flags = vec![0; count];
        for place in 1..count as PlaceId {
            let parent = ledger.places.parent(place).unwrap_or(Places::ROOT);
            flags[place as usize] = flags[parent as usize] | survey.flags(place);
            let Some(put) = ledger.visible(place) else { continue };
            survey.classes[place as usize] = match (put.layer < tree.base, put.act) {
                (true, Act::Dir) => Class::Nothing,
                (true, _) => Class::Base,
                (false, Act::Dir) => survey.directory(image, place, put, flags[place as usize]),
                (false, _) => survey.class(image, place, put, flags[place as usize]),
            };
        }
        survey
    }

    pub(super) fn at(&self, place: PlaceId) -> Class {
        self.classes.get(place as usize).copied().unwrap_or(Class::Nothing)
    }

    /// Marks a needed path as the author's.
    pub(super) fn keep(&mut self, place: PlaceId) {
        if let Some(class) = self.classes.get_mut(place as usize) {
            *class = Class::Own;
        }
    }

    /// All places with their classes.
    pub(super) fn all(&self) -> impl Iterator<Item = (PlaceId, Class)> + '_ {
        (0..).zip(self.classes.iter().copied())
    }

    pub(super) fn made(&self, put: &Put) -> Option<&Made<'a>> {
        self.made.get(usize::from(put.layer.checked_sub(self.tree.base)?))
    }

    /// The flags that a directory passes to everything in it.
    fn flags(&self, place: PlaceId) -> u8 {
        let modules =
            MODULES.contains(&self.tree.ledger.places.name(place)) || self.has(place, b"pyvenv.cfg");
        u8::from(modules) * IN_MODULES
            + u8::from(self.has(place, b"CACHEDIR.TAG")) * IN_CACHE
            + u8::from(self.is_build_tree(place)) * IN_BUILD
    }

    /// Whether a directory has a file of this name that is not the base's.
    fn has(&self, dir: PlaceId, name: &[u8]) -> bool {
        let inside = self.tree.ledger.places.find(dir, name).and_then(|file| self.tree.above(file));
        inside.is_some_and(|put| put.act == Act::File)
    }

    fn is_build_tree(&self, dir: PlaceId) -> bool {
        BUILD_TREES.iter().any(|name| self.has(dir, name))
    }

    /// Files that a build left beside its product, if that is needed in the build directory.
    pub(super) fn built_beside(&self, place: PlaceId) -> Vec<PlaceId> {
        let places = &self.tree.ledger.places;
        let above = std::iter::successors(places.parent(place), |&place| places.parent(place));
        let Some(tree) = above.filter(|&dir| self.is_build_tree(dir)).last() else { return Vec::new() };
        places.below(tree).filter(|&place| self.at(place) == Class::Built).collect()
    }

    fn class(&self, image: &Image, place: PlaceId, put: &Put, flags: u8) -> Class {
        let Some(made) = self.made(put) else { return Class::Own };
        let path = self.tree.path(place);
        if let Some(class) = self.of_package(image, place, put, made, &path) {
            return class;
        }
        if put.act == Act::Symlink && made.run && self.leads_to_tool(place, put) {
            return Class::Source;
        }
        if made.sets_up(&path) {
            return Class::Own;
        }
        if made.run && is_state(&path, put.act) {
            return Class::State;
        }
        let in_cache = image.cached.at(place).is_some() || flags & IN_CACHE > 0;
        if in_cache || (made.run && ["/.cache/", "/.npm/"].iter().any(|dir| path.contains(dir))) {
            return Class::Cache;
        }
        if flags & IN_MODULES > 0 {
            return Class::Own;
        }
        match purpose(self.tree.ledger, image.cached, place) {
            Some((Kind::BuildTool, _)) => return Class::Tool,
            Some(_) => return Class::Source,
            None if BUILD_FILES.iter().any(|name| path.ends_with(&format!("/{name}")))
                || (made.run && is_passing(&path)) =>
            {
                return Class::Source;
            }
            None if made.run && flags & IN_BUILD > 0 => return Class::Built,
            None => {}
        }
        match made.pure || (made.installs && self.by_scripts(place, put, made, &path)) {
            true => Class::State,
            false => Class::Own,
        }
    }

    /// The class of a file that belongs to a package, or belonged to one.
    fn of_package(&self, image: &Image, place: PlaceId, put: &Put, made: &Made, path: &str) -> Option<Class> {
        let packages = &self.tree.ledger.packages;
        let Some(id) = packages.owner_id(place) else {
            // A compiled form of a package's file is made again when the package is installed.
            let in_cache = path.contains("/__pycache__/") && made.installs;
            let name = recommends::owner(image, place).filter(|_| in_cache)?;
            let id =
                packages.all().iter().position(|package| package.name == name && package.gone.is_none())?;
            let above = packages.all().get(id)?.layer >= self.tree.base;
            return Some(if above { Class::Package(id as u32) } else { Class::State });
        };
        let package = packages.all().get(id as usize)?;
        if package.gone.is_some() {
            return made.run.then_some(Class::State);
        }
        let changed = made.installs && !made.pure && made.mentions(path) && path.starts_with("/etc/");
        let installed = made.run && (package.layer == put.layer || made.installs || made.pure) && !changed;
        match (installed, package.layer >= self.tree.base) {
            (true, true) => Some(Class::Package(id)),
            (true, false) => Some(Class::State),
            (false, _) => Some(Class::Own),
        }
    }

    /// The last target of a symbolic link.
    fn leads_to(&self, place: PlaceId, put: &Put) -> Option<PlaceId> {
        let ledger = self.tree.ledger;
        Some(self.tree.follow(ledger.places.parent(place)?, ledger.link(put))?.place)
    }

    /// Whether a link leads only to a build tool, and is useless without it.
    fn leads_to_tool(&self, place: PlaceId, put: &Put) -> bool {
        let found = self.leads_to(place, put);
        let owner = found.and_then(|found| self.tree.ledger.packages.owner(found));
        owner.is_some_and(|package| is_tool(package, &package.name))
    }

    /// Whether packages' scripts made a file that a RUN with a package manager left: it is another name or a copy of
    /// a package's file, or the base has it too.
    fn by_scripts(&self, place: PlaceId, put: &Put, made: &Made, path: &str) -> bool {
        let ledger = self.tree.ledger;
        let packaged = |place| {
            let owner = ledger.packages.owner(place);
            owner.is_some_and(|package| package.layer == put.layer)
        };
        let copied = || {
            ledger
                .inode(put)
                .is_some_and(|inode| inode.size > 0 && self.packaged.contains(&(put.layer, inode.content)))
        };
        match put.act {
            _ if made.mentions(path) => false,
            Act::Symlink => self.leads_to(place, put).is_some_and(packaged),
            _ => self.tree.had(place).is_some() || copied(),
        }
    }

    /// A directory has a class of its own only if it is empty.
    fn directory(&self, image: &Image, place: PlaceId, put: &Put, flags: u8) -> Class {
        let ledger = self.tree.ledger;
        let filled = ledger.places.children(place).any(|child| ledger.visible(child).is_some());
        let Some(made) = self.made(put).filter(|_| !filled && self.tree.had(place).is_none()) else {
            return Class::Nothing;
        };
        let path = format!("{}/", self.tree.path(place));
        let said = || made.mentions(&path);
        let own = match made {
            Made { workdir: true, .. } | Made { pure: true, .. } => false,
            Made { run: false, .. } => true,
            _ => said() || !(made.installs || is_state(&path, Act::Dir)),
        };
        let cache = image.cached.at(place).is_some() || flags & IN_CACHE > 0;
        match own && !cache && !(made.run && is_passing(&path)) {
            true if made.run && flags & IN_BUILD > 0 => Class::Built,
            true => Class::Own,
            false => Class::Nothing,
        }
    }

    /// Whether a put is a file to copy.
    pub(super) fn is_file(&self, put: &Put) -> bool {
        put.inode != NONE && matches!(put.act, Act::File | Act::Hardlink)
    }
}

/// Whether CMake or Python's setuptools keep intermediate files at a path.
fn is_passing(path: &str) -> bool {
    ["/CMakeFiles/", "/build/bdist.", "/build/lib.", "/build/temp."].iter().any(|dir| path.contains(dir))
}

/// Whether package managers, logs or temporary files use a path of `/…`.
fn is_state(path: &str, act: Act) -> bool {
    let path = path.trim_start_matches('/');
    let below = |all: &[&str]| all.iter().any(|known| path.starts_with(known));
    match act {
        Act::Symlink => below(LINKS),
        _ => below(STATE) || below(LINKS) || ACCOUNTS.contains(&path.trim_end_matches('-')),
    }
}
