//! Finds logins that docker, podman and skopeo left. They are passed on, and never written, shown or stored.

mod file;
mod helper;

use crate::repository::Repository;
use libhttp::FetchError;
use libsandbox::Caller;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// A login for a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A user and a password.
    Password(String, String),
    /// A token by which others are fetched, from a login without a password.
    Identity(String),
    /// A token for the registry itself.
    Token(String),
}

impl Login {
    /// The part that must not be in a message.
    pub(crate) fn secret(&self) -> &str {
        match self {
            Self::Password(_, secret) | Self::Identity(secret) | Self::Token(secret) => secret,
        }
    }
}

/// The text may get into a message, so it leaves out the login.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(..) => "Password",
            Self::Identity(_) => "Identity",
            Self::Token(_) => "Token",
        })
    }
}

/// A login, and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The login for the registry.
    pub login: Login,
    /// A file, or a program.
    pub place: String,
}

/// The files that may have logins, and the directories of their helpers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    files: Vec<PathBuf>,
    path: Option<OsString>,
    caller: Caller,
}

impl Logins {
    /// Picks the paths from `variable`, which looks up a name. Helpers are run as the user `caller`.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>, caller: Caller) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let dir = |name: &str| set(name).map(PathBuf::from);
        let home = |end: &str| dir("HOME").map(|home| home.join(end));
        let files = match dir("REGISTRY_AUTH_FILE") {
            // A file that is named is the only one.
            Some(file) => vec![file],
            None => {
                let runtime = dir("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json"));
                let runtime =
                    runtime.unwrap_or_else(|| format!("/run/containers/{}/auth.json", caller.uid).into());
                let config = dir("XDG_CONFIG_HOME").or(home(".config"));
                let docker = dir("DOCKER_CONFIG").or(home(".docker"));
                let containers = config.map(|dir| dir.join("containers/auth.json"));
                let docker = docker.map(|dir| dir.join("config.json"));
                [Some(runtime), containers, docker].into_iter().flatten().collect()
            }
        };
        Self { files, path: variable("PATH"), caller }
    }
}

/// The logins that were found in a run. Each is looked up once for each repository, and a helper is asked once for each
/// host, because it may ask its user, or hang.
pub(crate) struct Keeper {
    logins: Logins,
    repositories: BTreeMap<String, Option<Found>>,
    /// By helper and host; a failure is kept as its message.
    helpers: BTreeMap<(String, String), Result<Option<Found>, Complaint>>,
}

/// The place and the text of a failure.
type Complaint = (String, String);

impl Keeper {
    pub fn new(logins: &Logins) -> Self {
        Self { logins: logins.clone(), repositories: BTreeMap::new(), helpers: BTreeMap::new() }
    }

    /// The login for a repository, from the first file that has one.
    pub fn find(&mut self, repository: &Repository) -> Result<Option<Found>, FetchError> {
        if let Some(found) = self.repositories.get(&repository.name()) {
            return Ok(found.clone());
        }
        let mut found = None;
        for path in self.logins.files.clone() {
            let Some(file) = file::read(&path)? else { continue };
            found = self.find_in(&file, &path, repository)?;
            if found.is_some() {
                break;
            }
        }
        self.repositories.insert(repository.name(), found.clone());
        Ok(found)
    }

    /// A helper for this registry has precedence over a login in the file. As in docker, so has a helper for all
    /// registries, but that may not know this one.
    fn find_in(
        &mut self,
        file: &file::AuthFile,
        path: &Path,
        repository: &Repository,
    ) -> Result<Option<Found>, FetchError> {
        let Some(helper) = file.helper(repository.domain()) else { return file.login(repository, path) };
        let of_helper = self.ask(helper, repository.domain(), path);
        let own = file.login(repository, path)?;
        match of_helper {
            Ok(None) => Ok(own),
            // Such a file may come from a machine that had the helper, with logins added here.
            Err(_) if own.is_some() => Ok(own),
            other => other,
        }
    }

    fn ask(&mut self, helper: &str, domain: &str, file: &Path) -> Result<Option<Found>, FetchError> {
        let key = (helper.to_owned(), domain.to_owned());
        let failed = |(place, what): Complaint| FetchError::Login { place, what };
        if let Some(known) = self.helpers.get(&key) {
            return known.clone().map_err(failed);
        }
        let answer = match helper::get(helper, domain, file, self.logins.path.as_deref(), self.logins.caller)
        {
            Ok(found) => Ok(found),
            Err(FetchError::Login { place, what }) => Err((place, what)),
            Err(other) => return Err(other),
        };
        self.helpers.insert(key, answer.clone());
        answer.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(variables: &[(&str, &str)]) -> Vec<String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Logins::of(variable, Caller { uid: 7, gid: 7 })
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect()
    }

    #[test]
    fn files_are_looked_for_where_podman_and_docker_have_them() {
        assert_eq!(files(&[]), ["/run/containers/7/auth.json"]);
        assert_eq!(
            files(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r"), ("DOCKER_CONFIG", "")]),
            ["/r/containers/auth.json", "/h/.config/containers/auth.json", "/h/.docker/config.json"]
        );
        assert_eq!(
            files(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c"), ("DOCKER_CONFIG", "/d")])[1..],
            ["/c/containers/auth.json", "/d/config.json"]
        );
        assert_eq!(files(&[("HOME", "/h"), ("REGISTRY_AUTH_FILE", "/f")]), ["/f"]);
    }

    #[test]
    fn a_login_shows_nothing() {
        for login in [
            Login::Password("hunter2".into(), "hunter2".into()),
            Login::Identity("hunter2".into()),
            Login::Token("hunter2".into()),
        ] {
            assert!(!format!("{:?}", Found { login, place: "f".into() }).contains("hunter2"));
        }
    }
}
