//! Finds and reads the files about hosts.

use crate::config_file;
use libhttp::FetchError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The paths of the files about hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFiles {
    /// Paths of registries.conf; the first that exists counts.
    pub(super) registries: Vec<PathBuf>,
    /// Directories of files that add to it or change it; later ones have precedence.
    pub(super) parts: Vec<PathBuf>,
    /// Paths of docker's daemon.json; the first that exists counts.
    pub(super) daemon: Vec<PathBuf>,
    /// Directories with a directory of certificates for each host.
    pub(super) certificates: Vec<PathBuf>,
}

impl HostFiles {
    /// Picks the paths from `variable`, which looks up a name.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let dir = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let own = dir("XDG_CONFIG_HOME").or(dir("HOME").map(|home| home.join(".config")));
        let own = |end: &str| own.as_ref().map(|own| own.join(end));
        let registries = match dir("CONTAINERS_REGISTRIES_CONF") {
            // A file that is named is the only one.
            Some(file) => vec![file],
            None => both(own("containers/registries.conf"), "/etc/containers/registries.conf"),
        };
        let mut parts = both(own("containers/registries.conf.d"), "/etc/containers/registries.conf.d");
        parts.reverse();
        let mut certificates = both(own("containers/certs.d"), "/etc/containers/certs.d");
        certificates.push("/etc/docker/certs.d".into());
        let daemon = both(own("docker/daemon.json"), "/etc/docker/daemon.json");
        Self { registries, parts, daemon, certificates }
    }
}

fn both(own: Option<PathBuf>, system: &str) -> Vec<PathBuf> {
    own.into_iter().chain([system.into()]).collect()
}

/// Reads a file, if it exists.
pub(super) fn read(path: &Path) -> Result<Option<String>, FetchError> {
    let Some(text) = config_file::read(path, malformed)? else { return Ok(None) };
    String::from_utf8(text).map(Some).map_err(|_| malformed(path, "it is not UTF-8"))
}

pub(super) fn malformed(path: &Path, why: &str) -> FetchError {
    FetchError::invalid(format!("{}: {why}; correct it or remove it", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_looked_for_where_podman_and_docker_have_them() {
        let files = HostFiles::of(|name| match name {
            "HOME" => Some("/h".into()),
            _ => None,
        });
        let own = "/h/.config/containers";
        let paths = |paths: &[PathBuf]| -> Vec<String> {
            paths.iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(
            paths(&files.registries),
            [format!("{own}/registries.conf"), "/etc/containers/registries.conf".into()]
        );
        assert_eq!(
            paths(&files.parts),
            ["/etc/containers/registries.conf.d".into(), format!("{own}/registries.conf.d")]
        );
        assert_eq!(paths(&files.daemon), ["/h/.config/docker/daemon.json", "/etc/docker/daemon.json"]);
        let system = ["/etc/containers/certs.d".to_owned(), "/etc/docker/certs.d".into()];
        assert_eq!(paths(&files.certificates), [&[format!("{own}/certs.d")], &system[..]].concat());
        let named = HostFiles::of(|name| (name == "CONTAINERS_REGISTRIES_CONF").then(|| "/f".into()));
        assert_eq!(paths(&named.registries), ["/f"]);
    }
}
