//! Decides which servers are asked for a repository, in which order, and how strictly, from the files of podman and
//! docker, and from options. It opens these files and no connection.

mod daemon;
mod files;
mod registries;

use crate::repository::{Repository, canonical};
use daemon::Daemon;
pub use files::HostFiles;
use libhttp::{FetchError, Origin};
use libwire::Reference;
use registries::{Registries, Registry};
use std::path::PathBuf;

/// The settings of hosts.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    registries: Registries,
    daemon: Daemon,
    /// Hosts that are insecure by an option, by their names in images.
    insecure: Vec<String>,
    certificates: Vec<PathBuf>,
}

/// A server that is asked for a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The repository as that server has it.
    pub repository: Repository,
    /// Whether it may be asked without TLS, and with any certificate.
    pub is_insecure: bool,
    /// The images for which it is asked as a mirror; `None` for the registry itself, which is asked for all.
    pub mirror: Option<Use>,
}

/// The images for which a mirror is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Use {
    /// All images.
    #[default]
    All,
    /// Manifests and blobs by their digests.
    Digests,
    /// Images by their tags, and their parts.
    Tags,
}

impl Hosts {
    /// Reads the files that exist. The hosts `insecure` are insecure, whatever the files say.
    pub fn read(files: &HostFiles, insecure: &[String]) -> Result<Self, FetchError> {
        let insecure = insecure.iter().map(|host| {
            let host = canonical(host);
            match Reference::of(&host, "x") {
                Ok(_) => Ok(host),
                Err(_) => Err(FetchError::invalid(format!("{host:?} is no host; write HOST or HOST:PORT"))),
            }
        });
        Ok(Self {
            insecure: insecure.collect::<Result<_, _>>()?,
            registries: Registries::read(&files.registries, &files.parts)?,
            daemon: Daemon::read(&files.daemon)?,
            certificates: files.certificates.clone(),
        })
    }

    /// The servers from which to read, in this order.
    pub(crate) fn to_read(&self, repository: &Repository) -> Result<Vec<Endpoint>, FetchError> {
        let registry = self.registry(repository)?;
        let mut all: Vec<Endpoint> = match registry {
            _ if repository.is_explicit() => Vec::new(),
            Some(registry) => self.mirrors_of(registry, repository)?,
            None if repository.is_hub() => self.daemon_mirrors(repository)?,
            None => Vec::new(),
        };
        let home = match registry {
            Some(registry) if !repository.is_explicit() => registry.locate(repository)?,
            _ => repository.clone(),
        };
        all.push(self.endpoint(home, registry, None));
        Ok(all)
    }

    /// The one server to write to, because mirrors are only read.
    pub(crate) fn to_write(&self, repository: &Repository) -> Result<Endpoint, FetchError> {
        let registry = self.registry(repository)?;
        Ok(self.endpoint(repository.clone(), registry, None))
    }

    /// The directories that may have certificates for a server; the first that exists counts.
    pub(crate) fn certificates(&self, server: &Origin) -> Vec<PathBuf> {
        let name = canonical(server.authority());
        self.certificates.iter().map(|dir| dir.join(&name)).collect()
    }

    /// The settings for a repository. A blocked repository is an error.
    fn registry(&self, repository: &Repository) -> Result<Option<&Registry>, FetchError> {
        let found = self.registries.find(repository);
        match found.filter(|registry| registry.is_blocked) {
            None => Ok(found),
            Some(registry) => Err(FetchError::Login {
                place: registry.file.display().to_string(),
                what: format!(
                    "{} is blocked there; take an image from elsewhere, or ask who wrote that",
                    repository.name()
                ),
            }),
        }
    }

    fn mirrors_of(&self, registry: &Registry, repository: &Repository) -> Result<Vec<Endpoint>, FetchError> {
        let one = |mirror: &registries::Mirror| {
            let there = registry.moved(repository, &mirror.location)?;
            let insecure = mirror.is_insecure || self.is_insecure(there.domain());
            Ok(Endpoint { repository: there, is_insecure: insecure, mirror: Some(mirror.serves) })
        };
        registry.mirrors.iter().map(one).collect()
    }

    /// Docker asks its mirrors only for images of Docker Hub.
    fn daemon_mirrors(&self, repository: &Repository) -> Result<Vec<Endpoint>, FetchError> {
        let one = |mirror: &Origin| {
            let there = Repository::explicit(mirror, repository.path()).map_err(FetchError::invalid)?;
            Ok(self.endpoint(there, None, Some(Use::All)))
        };
        self.daemon.mirrors.iter().map(one).collect()
    }

    fn endpoint(&self, repository: Repository, registry: Option<&Registry>, mirror: Option<Use>) -> Endpoint {
        let is_insecure = registry.is_some_and(|registry| registry.is_insecure)
            || self.is_insecure(repository.domain())
            || registry.is_none() && self.daemon.is_insecure(repository.domain());
        Endpoint { repository, is_insecure, mirror }
    }

    fn is_insecure(&self, domain: &str) -> bool {
        self.insecure.iter().any(|known| known == domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    /// A directory of configuration, and the places in it.
    fn files(texts: &[(&str, &str)]) -> (TempDir, HostFiles) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in texts {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let own = dir.path().to_owned();
        let mut files = HostFiles::of(|name| (name == "XDG_CONFIG_HOME").then(|| own.clone().into()));
        for places in [&mut files.registries, &mut files.parts, &mut files.daemon, &mut files.certificates] {
            places.retain(|place| place.starts_with(dir.path()));
        }
        (dir, files)
    }

    /// The servers for a name, each as its first address, `!` for insecure, and what a mirror serves.
    fn asked(texts: &[(&str, &str)], insecure: &[&str], name: &str) -> Result<Vec<String>, String> {
        let (_dir, files) = files(texts);
        let insecure: Vec<String> = insecure.iter().map(|&host| host.to_owned()).collect();
        let hosts = Hosts::read(&files, &insecure).map_err(|error| error.to_string())?;
        let repository = Repository::parse(name).unwrap();
        let all = hosts.to_read(&repository).map_err(|error| error.to_string())?;
        let one = |endpoint: Endpoint| {
            let url = endpoint.repository.manifest("");
            let url = url.trim_end_matches("/manifests/").replace("/v2/", "/");
            let insecure = if endpoint.is_insecure { "!" } else { "" };
            let serves = endpoint.mirror.map(|serves| format!(" {serves:?}")).unwrap_or_default();
            format!("{url}{insecure}{serves}")
        };
        Ok(all.into_iter().map(one).collect())
    }

    const CONF: &str = "containers/registries.conf";

    #[test]
    fn without_files_the_name_says_who_is_asked() {
        assert_eq!(asked(&[], &[], "x").unwrap(), ["https://registry-1.docker.io/library/x"]);
        assert_eq!(
            asked(&[], &["r.example:5000"], "r.example:5000/a").unwrap(),
            ["https://r.example:5000/a!"]
        );
        assert_eq!(asked(&[], &["r.example"], "r.example:5000/a").unwrap(), ["https://r.example:5000/a"]);
        for bad in ["", "a b", "r.example/x", "https://r.example"] {
            assert!(asked(&[], &[bad], "x").unwrap_err().contains("write HOST or HOST:PORT"), "{bad}");
        }
    }

    #[test]
    fn mirrors_come_first_and_the_registry_last() {
        let conf = r#"
            unqualified-search-registries = ["evil.example"]
            [[registry]]
            location = "docker.io"
            [[registry.mirror]]
            location = "m.example:5000/hub"
            insecure = true
            [[registry.mirror]]
            location = "n.example"
            pull-from-mirror = "digest-only"
            [aliases]
            "x" = "evil.example/x"
        "#;
        let wanted = [
            "https://m.example:5000/hub/library/x! All",
            "https://n.example/library/x Digests",
            "https://registry-1.docker.io/library/x",
        ];
        assert_eq!(asked(&[(CONF, conf)], &[], "x").unwrap(), wanted);
        assert_eq!(asked(&[(CONF, conf)], &[], "https://docker.io/library/x").unwrap(), wanted[2..]);
        let (_dir, files) = files(&[(CONF, conf)]);
        let endpoint = Hosts::read(&files, &[]).unwrap().to_write(&Repository::parse("x").unwrap()).unwrap();
        assert_eq!(endpoint.repository.root(), "https://registry-1.docker.io/v2/");
    }

    #[test]
    fn the_longest_prefix_counts_and_moves_what_it_names() {
        let conf = r#"
            [[registry]]
            prefix = "r.example"
            location = "a.example"
            [[registry]]
            prefix = "r.example/team"
            location = "b.example/x"
            mirror-by-digest-only = true
            mirror = [{ location = "m.example" }]
            [[registry]]
            prefix = "*.r.example"
            insecure = true
        "#;
        for (name, wanted) in [
            ("r.example/y", &["https://a.example/y"][..]),
            ("r.example/teams/y", &["https://a.example/teams/y"]),
            ("r.example/team/y", &["https://m.example/y Digests", "https://b.example/x/y"]),
            ("s.r.example/y", &["https://s.r.example/y!"]),
            ("s.t.r.example:5/y", &["https://s.t.r.example:5/y!"]),
            ("xr.example/y", &["https://xr.example/y"]),
        ] {
            assert_eq!(asked(&[(CONF, conf)], &[], name).unwrap(), wanted, "{name}");
        }
    }

    #[test]
    fn later_files_replace_what_earlier_ones_say_of_a_prefix() {
        let files = [
            (
                CONF,
                "[[registry]]\nlocation = 'r.example'\ninsecure = true\n[[registry]]\nlocation = 's.example'\ninsecure = true",
            ),
            ("containers/registries.conf.d/2.conf", "[[registry]]\nlocation = 'r.example'\nblocked = true"),
            ("containers/registries.conf.d/1.conf", "[[registry]]\nlocation = 'r.example'"),
            ("containers/registries.conf.d/3.txt", "["),
        ];
        let error = asked(&files, &[], "r.example/a").unwrap_err();
        assert!(error.contains("2.conf: r.example/a is blocked there"), "{error}");
        assert_eq!(asked(&files, &[], "s.example/a").unwrap(), ["https://s.example/a!"]);
    }

    #[test]
    fn the_old_format_has_lists_of_registries() {
        let conf = "[registries.insecure]\nregistries = ['r.example']\n[registries.block]\nregistries = ['s.example']\n\
                    [registries.search]\nregistries = ['t.example']";
        assert_eq!(asked(&[(CONF, conf)], &[], "r.example/a").unwrap(), ["https://r.example/a!"]);
        assert!(asked(&[(CONF, conf)], &[], "s.example/a").unwrap_err().contains("is blocked there"));
    }

    #[test]
    fn dockers_mirrors_are_for_the_hub_and_only_if_nothing_else_is_said_of_it() {
        let daemon = r#"{"registry-mirrors":["https://m.example/","http://n.example:5000"],
            "insecure-registries":["r.example","10.0.0.0/8"],"log-driver":"x"}"#;
        let json = ("docker/daemon.json", daemon);
        assert_eq!(
            asked(&[json], &[], "x").unwrap(),
            [
                "https://m.example/library/x All",
                "http://n.example:5000/library/x All",
                "https://registry-1.docker.io/library/x"
            ]
        );
        assert_eq!(asked(&[json], &[], "q.example/x").unwrap(), ["https://q.example/x"]);
        assert_eq!(asked(&[json], &[], "r.example/x").unwrap(), ["https://r.example/x!"]);
        assert_eq!(asked(&[json], &[], "10.1.2.3:5000/x").unwrap(), ["https://10.1.2.3:5000/x!"]);
        let conf = (CONF, "[[registry]]\nlocation = 'docker.io'");
        assert_eq!(asked(&[json, conf], &[], "x").unwrap(), ["https://registry-1.docker.io/library/x"]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_place() {
        let conf = |text| (CONF, text);
        let daemon = |text| ("docker/daemon.json", text);
        for (file, place) in [
            (conf("[[registry]]\nlocation = "), "registries.conf: line 2: "),
            (conf("[[registry]]\nlocation = 5"), "registries.conf: line 2: "),
            (conf("registry = 5"), "registries.conf: line 1: "),
            (
                conf("[[registry]]\ninsecure = true"),
                "registries.conf: a registry has neither prefix nor location",
            ),
            (
                conf("[[registry]]\nlocation = 'https://r.example'"),
                "registries.conf: \"https://r.example\": ",
            ),
            (conf("[[registry]]\nlocation = 'r.example/UP'"), "registries.conf: \"r.example/UP\": "),
            (conf("[[registry]]\nprefix = 'a.*.example'"), "registries.conf: \"a.*.example\": "),
            (conf("[[registry]]\nlocation = 'r.example'\nmirror = [{}]"), "registries.conf: line 3: "),
            (
                conf(
                    "[[registry]]\nlocation = 'r.example'\nmirror = [{location = 'm', pull-from-mirror = 'x'}]",
                ),
                "registries.conf: line 3: ",
            ),
            (
                conf(
                    "[[registry]]\nlocation = 'r.example'\nmirror-by-digest-only = true\nmirror = [{location = 'm', pull-from-mirror = 'all'}]",
                ),
                "registries.conf: \"r.example\": ",
            ),
            (daemon("{\n\"registry-mirrors\": 5}"), "daemon.json: line 2: "),
            (daemon("{\"registry-mirrors\": [\"m.example\"]}"), "daemon.json: \"m.example\": "),
            (
                daemon("{\"registry-mirrors\": [\"https://m.example/x\"]}"),
                "daemon.json: \"https://m.example/x\": ",
            ),
        ] {
            let error = asked(&[file], &[], "x").unwrap_err();
            assert!(error.contains(place) && error.contains("correct it"), "{file:?}: {error}");
        }
        for empty in ["", "\n", "# nothing"] {
            assert_eq!(asked(&[conf(empty)], &[], "r.example/x").unwrap(), ["https://r.example/x"]);
        }
        assert_eq!(asked(&[daemon(" ")], &[], "r.example/x").unwrap(), ["https://r.example/x"]);
    }
}
