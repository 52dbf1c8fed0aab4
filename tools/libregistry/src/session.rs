//! Makes authenticated requests to one repository. A pass is kept for the run. It is fetched anew when it expires, and
//! once if the registry refuses it, so there is no endless loop.

use crate::challenge::Challenge;
use crate::client::{Access, Client, Pass, Slot, challenges, lock};
use crate::hosts::{Endpoint, Use};
use crate::logins::{Found, Login};
use crate::refusal;
use crate::repository::Repository;
use crate::token::{self, Token};
use crate::warnings;
use libhttp::{Answer, Call, FetchError};
use ureq::Body;
use ureq::http::header::WARNING;
use ureq::http::{HeaderValue, Method, Response, StatusCode};

/// The most passes that are sent for one request.
const MOST_PASSES: usize = 4;

/// Requests to one repository. Threads may share it.
pub struct Session<'c> {
    pub(crate) client: &'c Client,
    pub(crate) repository: Repository,
    /// Whether its server may be asked without TLS, and with any certificate.
    pub(crate) is_insecure: bool,
    /// The images that it is asked for as a mirror of another.
    mirror: Option<Use>,
    /// The mirrors that a read asks before the registry.
    pub(crate) mirrors: Vec<Endpoint>,
    pub(crate) access: Access,
    /// Another repository of the registry, from which blobs are read.
    reading: Option<String>,
    slot: Slot,
}

impl Client {
    /// Opens a session: asks the registry of a repository how to authenticate, and does that.
    pub fn open(&self, repository: &Repository, access: Access) -> Result<Session<'_>, FetchError> {
        Session::open(self, repository, access)
    }
}

impl<'c> Session<'c> {
    /// Authenticates before the first request, because some registries deny that they have a repository if access is
    /// refused. A registry with mirrors may never be needed.
    pub(crate) fn open(
        client: &'c Client,
        repository: &Repository,
        access: Access,
    ) -> Result<Self, FetchError> {
        let mut endpoints = match access {
            Access::Pull => client.hosts.to_read(repository)?,
            Access::Look | Access::Push => vec![client.hosts.to_write(repository)?],
        };
        let home = endpoints.pop().ok_or_else(|| FetchError::invalid("no server is known for it"))?;
        if endpoints.is_empty() {
            let session = Self::chosen(client, home, access)?;
            session.pass(&session.repository.root())?;
            return Ok(session);
        }
        Ok(Self { mirrors: endpoints, ..Self::at(client, home, access) })
    }

    fn at(client: &'c Client, endpoint: Endpoint, access: Access) -> Self {
        let Endpoint { repository, is_insecure, mirror } = endpoint;
        let slot = client.slot(&repository, &scope(&repository, access));
        Self { client, repository, is_insecure, mirror, mirrors: Vec::new(), access, reading: None, slot }
    }

    /// The session at the right address, if the server may be one with or without TLS.
    pub(crate) fn chosen(
        client: &'c Client,
        mut endpoint: Endpoint,
        access: Access,
    ) -> Result<Self, FetchError> {
        let Endpoint { repository, is_insecure, mirror } = &mut endpoint;
        if repository.may_have_tls(*is_insecure) {
            let greeting = client.greet(repository, *is_insecure, mirror.is_some())?;
            *repository = repository.at(greeting.origin.clone());
        }
        Ok(Self::at(client, endpoint, access))
    }

    /// The session, with the right to read another repository of the registry, by its name there. A token for both is
    /// fetched when the registry asks for one.
    pub(crate) fn reading_too(&self, other: &str) -> Self {
        let (repository, access) = (self.repository.clone(), self.access);
        let lasts = lock(&self.slot).as_ref().is_some_and(|pass| pass.challenge.is_none());
        let slot = match lasts {
            true => Slot::clone(&self.slot),
            false => {
                let scope = format!("{} {}", scope(&repository, access), reading(other));
                self.client.slot(&repository, &scope)
            }
        };
        let (client, is_insecure, reading) = (self.client, self.is_insecure, Some(other.to_owned()));
        Self { client, repository, is_insecure, mirror: None, mirrors: Vec::new(), access, reading, slot }
    }

    /// Runs `job`, and repeats it each time that it fails after a mirror sent wrong bytes, because that mirror is not
    /// asked again.
    pub fn past_bad_mirrors<T, E>(&self, job: impl Fn() -> Result<T, E>) -> Result<T, E> {
        loop {
            let known = self.client.deceptions();
            match job() {
                Err(_) if self.client.deceptions() > known => {}
                done => return done,
            }
        }
    }

    /// The repository that it asks, if that is a mirror's.
    pub(crate) fn as_mirror(&self) -> Option<Repository> {
        self.mirror.map(|_| self.repository.clone())
    }

    /// The answer to a request for something; `None` if the registry does not have it.
    pub(crate) fn ask(&self, call: &Call) -> Result<Option<Response<Body>>, FetchError> {
        let mut answer = self.call(call)?;
        match answer.response.status() {
            StatusCode::OK => Ok(Some(answer.response)),
            StatusCode::PARTIAL_CONTENT if call.from.is_some_and(|from| from > 0) => {
                Ok(Some(answer.response))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.rejected(call.url, &mut answer)),
        }
    }

    /// Makes a request, and repeats it once with a new pass if the registry asks for one.
    pub(crate) fn call(&self, call: &Call) -> Result<Answer, FetchError> {
        let mut shown = self.pass_for(call)?;
        let mut answer = self.send(call, shown.as_ref())?;
        // Other threads may have fetched a pass meanwhile that has expired, too. A pass that is fetched here is the
        // last.
        for _ in 0..MOST_PASSES {
            if !answer.own || answer.response.status() != StatusCode::UNAUTHORIZED {
                break;
            }
            let Some((header, is_new)) = self.log_in(call.url, &challenges(&answer), shown.as_ref())? else {
                return Err(self.denied(call.url, &mut answer));
            };
            answer = self.send(call, Some(&header))?;
            shown = Some(header);
            if is_new {
                break;
            }
        }
        Ok(answer)
    }

    fn send(&self, call: &Call, shown: Option<&HeaderValue>) -> Result<Answer, FetchError> {
        let (unverified, replaceable) = (self.is_insecure, self.mirror.is_some());
        let call = Call { authorization: shown, unverified, replaceable, ..call.clone() };
        let answer = self.client.transport.send(&call)?;
        if answer.own && answer.response.headers().contains_key(WARNING) {
            let told = warnings::of(answer.response.headers(), &self.secrets(shown));
            self.client.warn(told.iter().map(|told| format!("{}: {told}", self.repository.domain())));
        }
        Ok(answer)
    }

    fn pass(&self, url: &str) -> Result<Option<HeaderValue>, FetchError> {
        self.pass_for(&Call::new(Method::GET, url, "*/*"))
    }

    /// The header for a request now. An expired token is not sent, and neither is one that would expire during a long
    /// body.
    fn pass_for(&self, call: &Call) -> Result<Option<HeaderValue>, FetchError> {
        let greeting = self.client.greet(&self.repository, self.is_insecure, self.mirror.is_some())?;
        let mut pass = lock(&self.slot);
        let over = |token: &Token| token.is_over(call.payload.is_some());
        match &*pass {
            Some(Pass { token, challenge: Some(challenge) }) if over(token) => {
                let login = self.login()?;
                let token = self.token(call.url, challenge, login.as_ref())?;
                *pass = Some(Pass { token, challenge: Some(challenge.clone()) });
            }
            None if !greeting.challenges.is_empty() => {
                drop(pass);
                return match self.log_in(call.url, &greeting.challenges, None)? {
                    Some((header, _)) => Ok(Some(header)),
                    None => Err(self.no_way_in(&self.repository.root(), &greeting.reasons)),
                };
            }
            _ => {}
        }
        Ok(pass.as_ref().map(|pass| pass.token.header.clone()))
    }

    /// Answers one of the `challenges` that came for the pass `shown`. Returns the pass to send from now on, and
    /// whether that is new. There is none without a login.
    fn log_in(
        &self,
        url: &str,
        challenges: &[Challenge],
        shown: Option<&HeaderValue>,
    ) -> Result<Option<(HeaderValue, bool)>, FetchError> {
        let mut pass = lock(&self.slot);
        // Another thread may have done this meanwhile.
        if let Some(pass) = pass.as_ref().filter(|pass| Some(&pass.token.header) != shown) {
            return Ok(Some((pass.token.header.clone(), false)));
        }
        let of_scheme = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let (bearer, basic) = (of_scheme("bearer"), of_scheme("basic"));
        let login = self.login()?;
        let token = match (&login, bearer, basic) {
            (Some(Login::Token(token)), _, _) => Token::lasting(token::bearer(token)?),
            (login, Some(bearer), _) => self.token(url, bearer, login.as_ref())?,
            (Some(Login::Password(user, password)), None, Some(_)) => {
                Token::lasting(token::basic(user, password)?)
            }
            (Some(Login::Identity(_)), None, Some(_)) | (None, None, Some(_)) => return Ok(None),
            (_, None, None) => {
                return Err(FetchError::login(
                    url,
                    "it wants a login, and none of the kinds that are known here",
                ));
            }
        };
        let header = token.header.clone();
        let renewed = bearer.filter(|_| !matches!(login, Some(Login::Token(_))));
        *pass = Some(Pass { token, challenge: renewed.cloned() });
        Ok(Some((header, true)))
    }

    fn token(&self, url: &str, challenge: &Challenge, login: Option<&Login>) -> Result<Token, FetchError> {
        let mut scopes = scopes(&self.repository, self.access, challenge);
        scopes.extend(self.reading.as_deref().map(reading));
        scopes.dedup();
        let token =
            self.client.token(self.repository.origin(), self.is_insecure, challenge, &scopes, login)?;
        token.map_err(|reasons| self.no_way_in(url, &reasons))
    }

    fn login(&self) -> Result<Option<Login>, FetchError> {
        Ok(self.found()?.map(|found| found.login))
    }

    /// The login for the repository. There is none for a server whose connection others could read, unless an option
    /// allows it.
    fn found(&self) -> Result<Option<Found>, FetchError> {
        match self.is_insecure || self.repository.origin().may_have_secrets() {
            true => self.client.login(&self.repository),
            false => Ok(None),
        }
    }

    /// The error for a request to `url`, by the registry's answer.
    fn denied(&self, url: &str, answer: &mut Answer) -> FetchError {
        self.no_way_in(url, &self.reasons(answer))
    }

    /// The error for an answer that rejects the request.
    pub(crate) fn rejected(&self, url: &str, answer: &mut Answer) -> FetchError {
        match answer.response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if answer.own => self.denied(url, answer),
            _ => self.refused(url, answer),
        }
    }

    /// The error for a refusal that has nothing to do with the login.
    fn refused(&self, url: &str, answer: &mut Answer) -> FetchError {
        let status = answer.response.status();
        let what = format!("the server says {status}{}", self.reasons(answer));
        let is_passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        match is_passing {
            true => FetchError::remote(url, what),
            false => FetchError::refused(url, what),
        }
    }

    fn reasons(&self, answer: &mut Answer) -> String {
        let pass = lock(&self.slot).as_ref().map(|pass| pass.token.header.clone());
        refusal::reasons(&mut answer.response, &self.secrets(pass.as_ref()))
    }

    /// The secrets that must not be repeated from a server's words.
    fn secrets(&self, shown: Option<&HeaderValue>) -> Vec<String> {
        let login = self.login().ok().flatten();
        let shown = shown.and_then(|header| header.to_str().ok()?.split_once(' '));
        let login = login.iter().map(Login::secret);
        login.chain(shown.map(|(_, secret)| secret)).map(str::to_owned).collect()
    }

    /// The error that access is refused, with or without a login: the reason, and the remedy.
    fn no_way_in(&self, url: &str, reasons: &str) -> FetchError {
        let (host, name) = (self.repository.domain(), self.repository.path());
        let log_in = format!("skopeo login {host} or docker login {host}");
        let what = match self.found() {
            Ok(Some(found)) => format!(
                "the login for {host} of {} is not let in to {name}{reasons}; renew it with {log_in}, or ask for access",
                found.place
            ),
            _ if !self.is_insecure && !self.repository.origin().may_have_secrets() => {
                format!(
                    "it wants a login for {name}{reasons}, and none is sent over http, which others could read"
                )
            }
            _ => format!(
                "it wants a login for {name}{reasons}; log in with {log_in}, or is there no such repository?"
            ),
        };
        FetchError::login(url, what)
    }
}

/// A header, if it is text.
pub(crate) fn text<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The use of a repository, as written in a scope.
fn scope(repository: &Repository, access: Access) -> String {
    let actions = match access {
        Access::Pull | Access::Look => "pull",
        Access::Push => "pull,push",
    };
    format!("repository:{}:{actions}", repository.path())
}

/// The right to read a repository, by its name.
fn reading(path: &str) -> String {
    format!("repository:{path}:pull")
}

/// The scopes of a token: our use, and the registry's own scope if it asks for no more than reading.
fn scopes(repository: &Repository, access: Access, challenge: &Challenge) -> Vec<String> {
    let ours = scope(repository, access);
    let theirs = challenge.get("scope").unwrap_or_default().split(' ');
    let theirs = theirs.filter(|scope| scope.starts_with("repository:") && scope.ends_with(":pull"));
    let others: Vec<String> = theirs.filter(|scope| **scope != ours).map(str::to_owned).collect();
    [vec![ours], others].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::parse;
    use crate::hosts::Hosts;
    use crate::logins::Logins;
    use libhttp::Environment;

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

    #[test]
    fn where_others_listen_nobody_is_told_to_log_in() {
        let hosts = Hosts::default();
        let client = Client::new(&Logins::default(), &hosts, &Environment::default());
        let repository = Repository::parse("http://r.example/a").unwrap();
        let session = Session::at(&client, hosts.to_write(&repository).unwrap(), Access::Pull);
        let text = session.no_way_in("http://r.example/v2/", " (X)").to_string();
        assert!(text.contains("wants a login for a (X), and none is sent over http"), "{text}");
    }
}
