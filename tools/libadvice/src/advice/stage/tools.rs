//! Packages that an image needs only while it is built.

use crate::findings::builds;
use libimage::packages::Package;

/// Packages that install other software, and are useless after that.
const INSTALLERS: &[&str] = &[
    "python3-pip",
    "python3-venv",
    "python3-wheel",
    "python3-build",
    "pipx",
    "py3-pip",
    "npm",
    "yarnpkg",
    "yarn",
    "maven",
    "gradle",
    "ant",
    "composer",
    "bundler",
    "ruby-bundler",
    "apt-utils",
    "dpkg-dev",
    "devscripts",
];

/// Whether a package, asked for by this name, builds or installs software.
pub(super) fn is_tool(package: &Package, name: &str) -> bool {
    builds(package) || INSTALLERS.contains(&name)
}
