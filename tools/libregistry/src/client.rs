//! The connections, logins and tokens of a run, which all of its threads share. Each registry is asked once how to
//! authenticate, a login is looked up once for each repository, and a token is fetched once for all threads that need
//! it at the same time.

use crate::challenge::{self, Challenge};
use crate::hosts::Hosts;
use crate::logins::{Found, Keeper, Login, Logins};
use crate::refusal;
use crate::repository::Repository;
use crate::token::{self, Token};
use crate::warnings::Warnings;
use libhttp::{Answer, Call, Environment, FetchError, Origin, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ureq::http::header::WWW_AUTHENTICATE;
use ureq::http::{Method, StatusCode};

/// The use that is made of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read, also from mirrors.
    Pull,
    /// To read only from the registry itself.
    Look,
    /// To read and write.
    Push,
}

/// A token for a registry, and the challenge by which the next one is fetched when it expires.
pub(crate) struct Pass {
    pub token: Token,
    pub challenge: Option<Challenge>,
}

/// The pass for one scope at one registry. The thread that fetches it holds the lock, and others wait.
pub(crate) type Slot = Arc<Mutex<Option<Pass>>>;

/// The way to ask a server, known after the first request.
pub(crate) struct Greeting {
    /// Its address, which may be one of two.
    pub origin: Origin,
    /// The challenges of the server; none if it needs no authentication.
    pub challenges: Vec<Challenge>,
    /// The reasons for the challenge, in the server's words.
    pub reasons: String,
}

/// A server's greeting. The thread that waits for it holds the lock.
type Door = Arc<Mutex<Option<Arc<Greeting>>>>;

/// Connections to registries.
pub struct Client {
    pub(crate) transport: Transport,
    pub(crate) hosts: Hosts,
    keeper: Mutex<Keeper>,
    /// By address.
    doors: Mutex<BTreeMap<String, Door>>,
    /// By registry and scope.
    passes: Mutex<BTreeMap<(String, String), Slot>>,
    /// The mirrors that are not asked any more: they don't answer, or sent wrong bytes.
    left_out: Mutex<BTreeSet<String>>,
    /// The number of times that a mirror sent wrong bytes.
    deceptions: AtomicUsize,
    warnings: Mutex<Warnings>,
}

impl Client {
    /// A client without connections.
    pub fn new(logins: &Logins, hosts: &Hosts, environment: &Environment) -> Self {
        let dirs = hosts.clone();
        Self {
            transport: Transport::new(environment, Box::new(move |server| dirs.certificates(server))),
            hosts: hosts.clone(),
            keeper: Mutex::new(Keeper::new(logins)),
            doors: Mutex::default(),
            passes: Mutex::default(),
            left_out: Mutex::default(),
            deceptions: AtomicUsize::new(0),
            warnings: Mutex::default(),
        }
    }

    /// The warnings of registries, and the mirrors that were skipped; each once in a run. Most of these texts come from
    /// servers.
    pub fn take_warnings(&self) -> Vec<String> {
        lock(&self.warnings).take()
    }

    pub(crate) fn warn(&self, texts: impl Iterator<Item = String>) {
        let mut warnings = lock(&self.warnings);
        texts.for_each(|text| warnings.add(text));
    }

    pub(crate) fn is_left_out(&self, origin: &Origin) -> bool {
        lock(&self.left_out).contains(&origin.to_string())
    }

    /// Warns that a mirror was skipped. If it did not answer, it is not asked again.
    pub(crate) fn pass_over(&self, origin: &Origin, error: &FetchError) {
        match error.is_passing() {
            true => self.leave_out(origin, error),
            false => self.warn_of_mirror(error),
        }
    }

    /// Warns that a mirror is not asked again.
    pub(crate) fn leave_out(&self, origin: &Origin, error: &FetchError) {
        lock(&self.left_out).insert(origin.to_string());
        self.warn_of_mirror(error);
    }

    /// Records that a mirror sent wrong bytes. It is not asked again.
    pub(crate) fn is_deceived_by(&self, origin: &Origin, error: &FetchError) {
        self.leave_out(origin, error);
        self.deceptions.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of times that a mirror sent wrong bytes.
    pub(crate) fn deceptions(&self) -> usize {
        self.deceptions.load(Ordering::Relaxed)
    }

    fn warn_of_mirror(&self, error: &FetchError) {
        self.warn(std::iter::once(format!("mirror passed over: {error}")));
    }

    /// Asks the server of a repository how to authenticate. A server that may have TLS or not is asked without it
    /// first: a server with TLS refuses such a request at once, but one without TLS may wait for the rest of a
    /// handshake.
    pub(crate) fn greet(
        &self,
        repository: &Repository,
        insecure: bool,
        replaceable: bool,
    ) -> Result<Arc<Greeting>, FetchError> {
        let origin = repository.origin();
        let either = repository.may_have_tls(insecure);
        let key = if either { origin.authority().to_owned() } else { origin.to_string() };
        let door = Arc::clone(lock(&self.doors).entry(key).or_default());
        let mut door = lock(&door);
        if let Some(greeting) = &*door {
            return Ok(Arc::clone(greeting));
        }
        let ask = |repository: &Repository, replaceable| {
            let root = repository.root();
            let call = Call { unverified: insecure, replaceable, ..Call::new(Method::GET, &root, "*/*") };
            self.transport.send(&call)
        };
        let greeting = match either {
            false => greeting(repository, ask(repository, replaceable)?)?,
            true => {
                let at = |https| repository.at(Origin::new(Some(https), origin.authority()));
                let (plain, secure) = (at(false), at(true));
                match ask(&plain, true) {
                    Ok(answer) if is_of_http(&answer) && is_final(&answer) => greeting(&plain, answer)?,
                    Ok(answer) if is_of_http(&answer) => greeting(&plain, ask(&plain, replaceable)?)?,
                    Ok(_) => greeting(&secure, ask(&secure, replaceable)?)?,
                    // If neither has an answer, the reason is not TLS.
                    Err(error) => match ask(&secure, true) {
                        Err(other) if other.is_passing() || other.is_no_tls() => return Err(error),
                        other => greeting(&secure, other?)?,
                    },
                }
            }
        };
        Ok(Arc::clone(door.insert(Arc::new(greeting))))
    }

    pub(crate) fn slot(&self, repository: &Repository, scope: &str) -> Slot {
        let key = (repository.origin().to_string(), scope.to_owned());
        Arc::clone(lock(&self.passes).entry(key).or_default())
    }

    /// The login for a repository.
    pub(crate) fn login(&self, repository: &Repository) -> Result<Option<Found>, FetchError> {
        lock(&self.keeper).find(repository)
    }

    /// Fetches a token for `scopes` according to `challenge`. The inner error is the refusal.
    pub(crate) fn token(
        &self,
        registry: &Origin,
        insecure: bool,
        challenge: &Challenge,
        scopes: &[String],
        login: Option<&Login>,
    ) -> Result<Result<Token, String>, FetchError> {
        token::Wanted { transport: &self.transport, registry, insecure, challenge, scopes }.fetch(login)
    }
}

/// Whether an answer without TLS comes from a server without TLS. A server with TLS answers that this is a bad request,
/// or redirects to itself.
fn is_of_http(answer: &Answer) -> bool {
    answer.own && answer.response.status() != StatusCode::BAD_REQUEST
}

/// Whether another try with a longer time would not help.
fn is_final(answer: &Answer) -> bool {
    let status = answer.response.status();
    !status.is_server_error() && !matches!(status.as_u16(), 408 | 429)
}

/// The greeting of a server by its first answer.
fn greeting(repository: &Repository, mut answer: Answer) -> Result<Greeting, FetchError> {
    let (root, origin) = (repository.root(), repository.origin().clone());
    let mut greeting = Greeting { origin, challenges: Vec::new(), reasons: String::new() };
    match answer.response.status() {
        StatusCode::UNAUTHORIZED if answer.own => {
            greeting.challenges = challenges(&answer);
            greeting.reasons = refusal::reasons(&mut answer.response, &[]);
            if greeting.challenges.is_empty() {
                let what = "it wants a login, and none of the kinds that are known here";
                return Err(FetchError::login(&root, what));
            }
        }
        status if status.is_server_error() => {
            let reasons = refusal::reasons(&mut answer.response, &[]);
            return Err(FetchError::remote(&root, format!("the server says {status}{reasons}")));
        }
        // With any other status, it may still have the repository.
        _ => {}
    }
    Ok(greeting)
}

/// The challenges of the server that gave this answer.
pub(crate) fn challenges(answer: &Answer) -> Vec<Challenge> {
    let headers = answer.response.headers().get_all(WWW_AUTHENTICATE).iter();
    headers.flat_map(|value| challenge::parse(value.as_bytes())).collect()
}

/// A thread that panicked left the value consistent, because each change to it is one statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
