//! What builds software and is visible in an image that runs it: packages for development, and files of
//! such kinds that belong to no package.

use super::{Cached, Groups, Kind};
use crate::ledger::Ledger;
use crate::packages::{Manager, Package};
use crate::places::{PlaceId, Places};

/// Packages of Alpine that build, which has no sections; others end in `-dev`.
const APK_TOOLS: &[&str] = &[
    "abuild",
    "autoconf",
    "automake",
    "binutils",
    "bison",
    "build-base",
    "cargo",
    "clang",
    "cmake",
    "flex",
    "g++",
    "gcc",
    "gdb",
    "git",
    "go",
    "libtool",
    "lld",
    "llvm",
    "make",
    "meson",
    "ninja",
    "patch",
    "pkgconf",
    "rust",
    "samurai",
    "strace",
];
/// Packages of Debian that build and are in no section for it.
const DPKG_TOOLS: &[&str] = &["git", "git-man", "golang-go", "rustc", "cargo"];
const SOURCE_ENDINGS: &[&str] =
    &["c", "cc", "cpp", "cxx", "h", "hh", "hpp", "hxx", "rs", "go", "java", "o", "obj", "lo", "s"];
/// Toolchains that are unpacked, not installed.
const TOOLCHAINS: &[&str] =
    &["/usr/local/go", "/usr/local/rustup", "/usr/local/cargo", "/root/.rustup", "/root/.cargo"];

/// Whether a package is for building software.
pub(crate) fn builds(package: &Package) -> bool {
    let name = package.name.as_str();
    match package.manager {
        Manager::Dpkg => {
            let section = package.section.rsplit('/').next().unwrap_or_default();
            matches!(section, "devel" | "libdevel" | "vcs") || DPKG_TOOLS.contains(&name)
        }
        Manager::Apk => {
            let virtual_package = name.starts_with('.');
            !virtual_package
                && (name.ends_with("-dev") || name.ends_with("-static") || APK_TOOLS.contains(&name))
        }
    }
}

/// What a visible file is for, if it is for building: its kind, and the package or directory.
pub(crate) fn purpose(ledger: &Ledger, cached: &Cached, place: PlaceId) -> Option<(Kind, String)> {
    if let Some(package) = ledger.packages.owner(place).filter(|package| package.gone.is_none()) {
        return builds(package).then(|| (Kind::BuildTool, package.name.clone()));
    }
    if cached.at(place).is_some() {
        return None;
    }
    let path = String::from_utf8_lossy(&ledger.places.path(place)).into_owned();
    let path = format!("/{path}");
    if let Some(chain) =
        TOOLCHAINS.iter().find(|dir| path.strip_prefix(**dir).is_some_and(|rest| rest.starts_with('/')))
    {
        return Some((Kind::BuildTool, (*chain).to_owned()));
    }
    if let Some(at) = path.find("/.git/") {
        return Some((Kind::VersionControl, path[..at + 5].to_owned()));
    }
    for dir in ["/usr/include/", "/usr/local/include/"] {
        if path.starts_with(dir) {
            return Some((Kind::Headers, dir.trim_end_matches('/').to_owned()));
        }
    }
    let name = String::from_utf8_lossy(ledger.places.name(place)).into_owned();
    let (stem, ending) = name.rsplit_once('.')?;
    if ending == "a" && stem.starts_with("lib") {
        return Some((Kind::StaticLibrary, directory(&ledger.places, place)));
    }
    SOURCE_ENDINGS.contains(&ending).then(|| (Kind::Sources, top(&path)))
}

pub(super) fn find(ledger: &Ledger, cached: &Cached, groups: &mut Groups) {
    for inode in ledger.inodes.iter().filter(|inode| inode.gone.is_none() && inode.size > 0) {
        if let Some((kind, what)) = purpose(ledger, cached, inode.place) {
            groups.add(kind, &what, inode.layer, inode);
        }
    }
}

fn directory(places: &Places, place: PlaceId) -> String {
    let path = places.parent(place).map(|parent| places.path(parent)).unwrap_or_default();
    format!("/{}", String::from_utf8_lossy(&path))
}

/// The first two directories of a path.
fn top(path: &str) -> String {
    let dirs = path.rsplit_once('/').map_or("", |(dirs, _)| dirs);
    let two: Vec<&str> = dirs.split('/').take(3).collect();
    if two.len() < 2 { "/".to_owned() } else { two.join("/") }
}
