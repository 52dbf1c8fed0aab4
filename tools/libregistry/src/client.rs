//! Being let in to one repository, and asking what it has. A token is kept for the run, and fetched anew once
//! when the registry takes it no more; nothing is asked in a circle.

use crate::challenge::{self, Challenge};
use crate::logins::{Found, Login, Logins};
use crate::repository::Repository;
use crate::token;
use libhttp::{Answer, Call, Transport};
use libhttp::{Environment, FetchError};
use libwire::Digest;
use ureq::Body;
use ureq::http::header::WWW_AUTHENTICATE;
use ureq::http::{HeaderValue, Method, Response, StatusCode};

/// What is to be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Pull,
    /// To read and write.
    Push,
}

/// Requests to one repository.
pub struct Session {
    repository: Repository,
    access: Access,
    logins: Logins,
    transport: Transport,
    /// The login, once it was looked for.
    found: Option<Option<Found>>,
    authorization: Option<HeaderValue>,
}

impl Session {
    /// Asks the registry whom it lets in, and does what it wants for that. Before anything is asked for: there
    /// are registries that deny having what they don't let see.
    pub fn open(
        repository: &Repository,
        access: Access,
        logins: &Logins,
        environment: &Environment,
    ) -> Result<Self, FetchError> {
        let transport = Transport::new(environment)?;
        let (repository, logins) = (repository.clone(), logins.clone());
        let mut session = Self { repository, access, logins, transport, found: None, authorization: None };
        let root = session.repository.root();
        let answer = session.send(Method::GET, &root, "*/*")?;
        match answer.response.status() {
            StatusCode::UNAUTHORIZED if answer.own => session.log_in(&root, &answer.response)?,
            status if status.is_server_error() => return Err(said(&root, status)),
            // What else it says here, it may still have the repository.
            _ => {}
        }
        Ok(session)
    }

    /// Whether the repository has a blob.
    pub fn has_blob(&mut self, digest: Digest) -> Result<bool, FetchError> {
        self.has(&self.repository.blob(digest), "*/*")
    }

    /// Whether the repository has a manifest. A registry tells of one only to who takes its media type.
    pub fn has_manifest(&mut self, digest: Digest, media_type: &str) -> Result<bool, FetchError> {
        self.has(&self.repository.manifest(digest), media_type)
    }

    fn has(&mut self, url: &str, accept: &str) -> Result<bool, FetchError> {
        let answer = self.call(Method::HEAD, url, accept)?;
        match answer.response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if answer.own => Err(self.denied(url)),
            status => Err(said(url, status)),
        }
    }

    /// Asks, and once more with a new token if the registry wants one.
    fn call(&mut self, method: Method, url: &str, accept: &str) -> Result<Answer, FetchError> {
        let answer = self.send(method.clone(), url, accept)?;
        match answer.own && answer.response.status() == StatusCode::UNAUTHORIZED {
            false => Ok(answer),
            true => {
                self.log_in(url, &answer.response)?;
                self.send(method, url, accept)
            }
        }
    }

    fn send(&mut self, method: Method, url: &str, accept: &str) -> Result<Answer, FetchError> {
        let authorization = self.authorization.as_ref();
        self.transport.send(&Call { authorization, ..Call::new(method, url, accept) })
    }

    /// Does what `refusal`, the answer about `url`, wants before there is another one.
    fn log_in(&mut self, url: &str, refusal: &Response<Body>) -> Result<(), FetchError> {
        let headers = refusal.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenges: Vec<Challenge> =
            headers.flat_map(|value| challenge::parse(value.as_bytes())).collect();
        let of_scheme = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let (bearer, basic) = (of_scheme("bearer"), of_scheme("basic"));
        let login = self.login()?;
        let authorization = match (login, bearer, basic) {
            (Some(Login::Token(token)), _, _) => token::bearer(&token)?,
            (login, Some(bearer), _) => {
                let scopes = scopes(&self.repository, self.access, bearer);
                let origin = self.repository.origin();
                let token = token::fetch(&self.transport, origin, bearer, &scopes, login.as_ref())?;
                token.ok_or_else(|| self.denied(url))?
            }
            (Some(Login::Password(user, password)), None, Some(_)) => token::basic(&user, &password)?,
            (Some(Login::Identity(_)), None, Some(_)) | (None, None, Some(_)) => return Err(self.denied(url)),
            (_, None, None) => {
                return Err(FetchError::login(
                    url,
                    "it wants a login, and none of the kinds that are known here",
                ));
            }
        };
        self.authorization = Some(authorization);
        Ok(())
    }

    /// The login for the repository, which is looked for once. There is none for a server that others listen to.
    fn login(&mut self) -> Result<Option<Login>, FetchError> {
        let found = match self.found.take() {
            Some(found) => found,
            None if self.repository.origin().may_have_secrets() => self.logins.find(&self.repository)?,
            None => None,
        };
        let login = found.as_ref().map(|found| found.login.clone());
        self.found = Some(found);
        Ok(login)
    }

    /// Why nothing is said of `url`, and what to do.
    fn denied(&self, url: &str) -> FetchError {
        let (host, name) = (self.repository.domain(), self.repository.path());
        let log_in = format!("skopeo login {host} or docker login {host}");
        let what = match self.found.iter().flatten().next() {
            Some(found) => format!(
                "the login for {host} of {} is not let in to {name}; renew it with {log_in}, or ask for access",
                found.place
            ),
            None if !self.repository.origin().may_have_secrets() => {
                format!("it wants a login for {name}, and none is sent over http, which others could read")
            }
            None => {
                format!("it wants a login for {name}; log in with {log_in}, or is there no such repository?")
            }
        };
        FetchError::login(url, what)
    }
}

/// What a token is to be for: what we do, and what the registry calls that if it reads no more.
fn scopes(repository: &Repository, access: Access, challenge: &Challenge) -> Vec<String> {
    let actions = match access {
        Access::Pull => "pull",
        Access::Push => "pull,push",
    };
    let ours = format!("repository:{}:{actions}", repository.path());
    let theirs = challenge.get("scope").unwrap_or_default().split(' ');
    let theirs = theirs.filter(|scope| scope.starts_with("repository:") && scope.ends_with(":pull"));
    let others: Vec<String> = theirs.filter(|scope| **scope != ours).map(str::to_owned).collect();
    [vec![ours], others].concat()
}

fn said(url: &str, status: StatusCode) -> FetchError {
    FetchError::remote(url, format!("the server says {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::parse;

    #[test]
    fn a_login_is_not_even_looked_for_where_others_listen() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("auth.json");
        std::fs::write(&file, "{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}").unwrap();
        let logins = Logins::of(|name| (name == "REGISTRY_AUTH_FILE").then(|| file.clone().into()), 0);
        let session = |text| Session {
            repository: Repository::parse(text).unwrap(),
            access: Access::Pull,
            logins: logins.clone(),
            transport: Transport::new(&Environment::default()).unwrap(),
            found: None,
            authorization: None,
        };
        assert!(session("https://r.example/a").login().unwrap().is_some());
        let mut plain = session("http://r.example/a");
        assert_eq!(plain.login().unwrap(), None);
        assert!(plain.denied("http://r.example/v2/").to_string().contains("none is sent over http"));
    }

    #[test]
    fn a_token_is_for_what_is_done_and_no_more() {
        let repository = Repository::parse("r.example/a/b").unwrap();
        for (header, access, wanted) in [
            ("Bearer realm=x", Access::Pull, &["repository:a/b:pull"][..]),
            ("Bearer scope=\"repository:a/b:pull\"", Access::Pull, &["repository:a/b:pull"]),
            (
                "Bearer scope=\"repository:a/b:pull\"",
                Access::Push,
                &["repository:a/b:pull,push", "repository:a/b:pull"],
            ),
            (
                "Bearer scope=\"repository:proxy/a/b:pull aws registry:catalog:* repository:c:pull,push\"",
                Access::Pull,
                &["repository:a/b:pull", "repository:proxy/a/b:pull"],
            ),
        ] {
            assert_eq!(scopes(&repository, access, &parse(header.as_bytes())[0]), wanted, "{header}");
        }
    }
}
