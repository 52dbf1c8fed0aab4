//! Build tools that are visible in an image: packages for development, and files of such kinds that belong to no
//! package.

use super::caches::Cached;
use super::finding::Kind;
use super::groups::Groups;
use libimage::ledger::Ledger;
use libimage::packages::{Manager, Package};
use libimage::places::{PlaceId, Places};

/// Packages of Alpine and Wolfi that build. These have no sections; other packages end in `-dev`. If there are
/// several versions, the version follows the name: `clang18`, `gcc-14`.
const APK_TOOLS: &[&str] = &[
    "abuild",
    "autoconf",
    "automake",
    "binutils",
    "bison",
    "build-base",
    "cargo",
    "ccache",
    "clang",
    "cmake",
    "flex",
    "fortify-headers",
    "g++",
    "gcc",
    "gcc-gnat",
    "gcc-go",
    "gdb",
    "gfortran",
    "git",
    "go",
    "libtool",
    "linux-headers",
    "lld",
    "llvm",
    "ltrace",
    "make",
    "mercurial",
    "meson",
    "nasm",
    "ninja",
    "patch",
    "perf",
    "pkgconf",
    "rust",
    "rustup",
    "samurai",
    "scons",
    "strace",
    "subversion",
    "valgrind",
    "yasm",
    "zig",
];
/// Packages of Debian that build, but are not in a section for that.
const DPKG_TOOLS: &[&str] = &["git", "git-man", "golang-go", "rustc", "cargo", "maven", "gradle", "ant"];
/// How the names of packages that compile Java end. Packages that only run it have other names.
const JDK: &[&str] = &["-jdk", "-jdk-headless", "-jmods"];
const SOURCE_ENDINGS: &[&str] =
    &["c", "cc", "cpp", "cxx", "h", "hh", "hpp", "hxx", "rs", "go", "java", "o", "obj", "lo", "s"];
/// Toolchains that are unpacked and not installed.
const TOOLCHAINS: &[&str] =
    &["/usr/local/go", "/usr/local/rustup", "/usr/local/cargo", "/root/.rustup", "/root/.cargo"];
/// Where `cargo install` puts programs, and which of those belong to rustup.
const CARGO_PROGRAMS: &[&str] = &["/usr/local/cargo/bin/", "/root/.cargo/bin/"];
const RUSTUP: &[&str] = &[
    "cargo",
    "cargo-clippy",
    "cargo-fmt",
    "cargo-miri",
    "clippy-driver",
    "rls",
    "rust-analyzer",
    "rust-gdb",
    "rust-gdbgui",
    "rust-lldb",
    "rustc",
    "rustdoc",
    "rustfmt",
    "rustup",
];

/// Whether a package is for building software.
pub(crate) fn builds(package: &Package) -> bool {
    let name = package.name.as_str();
    if JDK.iter().any(|ending| name.ends_with(ending)) {
        return true;
    }
    match package.manager {
        Manager::Dpkg => {
            let section = package.section.rsplit('/').next().unwrap_or_default();
            matches!(section, "devel" | "libdevel" | "vcs") || DPKG_TOOLS.contains(&name)
        }
        Manager::Apk => {
            let virtual_package = name.starts_with('.');
            let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
            let known = APK_TOOLS.contains(&name) || APK_TOOLS.contains(&bare);
            !virtual_package && (known || name.ends_with("-dev") || name.ends_with("-static"))
        }
    }
}

/// The purpose of a visible file for building: its kind, and the package or directory.
pub(crate) fn purpose(ledger: &Ledger, cached: &Cached, place: PlaceId) -> Option<(Kind, String)> {
    if let Some(package) = ledger.packages.owner(place).filter(|package| package.gone.is_none()) {
        return builds(package).then(|| (Kind::BuildTool, package.name.clone()));
    }
    if cached.at(place).is_some() {
        return None;
    }
    let path = String::from_utf8_lossy(&ledger.places.path(place)).into_owned();
    let path = format!("/{path}");
    let program = CARGO_PROGRAMS.iter().find_map(|dir| path.strip_prefix(dir));
    if program.is_some_and(|program| !RUSTUP.contains(&program)) {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn package(manager: Manager, name: &str, section: &str) -> Package {
        Package {
            name: name.into(),
            version: String::new(),
            manager,
            section: section.into(),
            depends: Vec::new(),
            recommends: Vec::new(),
            provides: Vec::new(),
            layer: 0,
            gone: None,
        }
    }

    #[test]
    fn what_compiles_java_builds_and_what_runs_it_does_not() {
        let builds = |manager, name| builds(&package(manager, name, "java"));
        for name in ["default-jdk", "openjdk-17-jdk-headless", "maven"] {
            assert!(builds(Manager::Dpkg, name), "{name}");
        }
        assert!(builds(Manager::Apk, "openjdk21-jdk"));
        for name in ["default-jre-headless", "openjdk-17-jre", "libmaven3-core-java"] {
            assert!(!builds(Manager::Dpkg, name), "{name}");
        }
    }

    #[test]
    fn a_package_of_alpine_builds_by_its_name() {
        let builds = |name| builds(&package(Manager::Apk, name, ""));
        for name in ["gcc", "gcc-14", "clang18", "go-1.23", "musl-dev", "zlib-static", "linux-headers", "g++"]
        {
            assert!(builds(name), "{name}");
        }
        for name in
            [".build-deps", ".gcc-dev", "musl", "libgcc", "python3", "go-bootstrap-doc", "llvm18-libs", "m4"]
        {
            assert!(!builds(name), "{name}");
        }
    }
}
