//! One run's dealings with registries: connections, logins and tokens, which all its threads share. A login is looked
//! for once a repository, and a token fetched once for all who want it at the same time.

use crate::challenge::Challenge;
use crate::logins::{Found, Login, Logins};
use crate::repository::Repository;
use crate::session::Session;
use crate::token::{self, Token};
use libhttp::{Environment, FetchError, Transport};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The use that is made of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Pull,
    /// To read and write.
    Push,
}

/// A token that is shown to a registry, and the challenge by which another is fetched when its time is over.
pub(crate) struct Pass {
    pub token: Token,
    pub challenge: Option<Challenge>,
}

/// The pass for one scope at one registry. Whoever fetches it has it locked, and others wait for that one.
pub(crate) type Slot = Arc<Mutex<Option<Pass>>>;

/// Connections to registries.
pub struct Client {
    pub(crate) transport: Transport,
    logins: Logins,
    /// By repository: the login, once it was looked for.
    found: Mutex<BTreeMap<String, Option<Found>>>,
    /// By registry and scope.
    passes: Mutex<BTreeMap<(String, String), Slot>>,
}

impl Client {
    /// Connects nothing yet.
    pub fn new(logins: &Logins, environment: &Environment) -> Result<Self, FetchError> {
        let transport = Transport::new(environment)?;
        let (found, passes) = (Mutex::default(), Mutex::default());
        Ok(Self { transport, logins: logins.clone(), found, passes })
    }

    /// Asks a repository's registry whom it lets in, and does what it wants for that.
    pub fn open(&self, repository: &Repository, access: Access) -> Result<Session<'_>, FetchError> {
        Session::open(self, repository, access)
    }

    pub(crate) fn slot(&self, repository: &Repository, scope: &str) -> Slot {
        let key = (repository.origin().to_string(), scope.to_owned());
        Arc::clone(lock(&self.passes).entry(key).or_default())
    }

    /// The login for a repository. There is none for a server that others listen to.
    pub(crate) fn login(&self, repository: &Repository) -> Result<Option<Found>, FetchError> {
        let key = format!("{}/{}", repository.domain(), repository.path());
        let mut known = lock(&self.found);
        if let Some(found) = known.get(&key) {
            return Ok(found.clone());
        }
        let found = match repository.origin().may_have_secrets() {
            true => self.logins.find(repository)?,
            false => None,
        };
        known.insert(key, found.clone());
        Ok(found)
    }

    /// Fetches a token for `scopes` as `challenge` wants it; the inner error is how that was refused.
    pub(crate) fn token(
        &self,
        repository: &Repository,
        challenge: &Challenge,
        scopes: &[String],
        login: Option<&Login>,
    ) -> Result<Result<Token, String>, FetchError> {
        token::fetch(&self.transport, repository.origin(), challenge, scopes, login)
    }
}

/// A thread that panicked left the value whole: no change to it takes more than one statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_not_even_looked_for_where_others_listen() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("auth.json");
        std::fs::write(&file, "{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}").unwrap();
        let logins = Logins::of(|name| (name == "REGISTRY_AUTH_FILE").then(|| file.clone().into()), 0);
        let login = |text| {
            let client = Client::new(&logins, &Environment::default()).unwrap();
            client.login(&Repository::parse(text).unwrap()).unwrap()
        };
        assert!(login("https://r.example/a").is_some());
        assert_eq!(login("http://r.example/a"), None);
    }
}
