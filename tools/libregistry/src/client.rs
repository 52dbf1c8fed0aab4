//! One run's dealings with registries: connections, logins and tokens, which all its threads share. Whom a registry lets
//! in is asked once, a login is looked for once a repository, and a token fetched once for all who want it at the same time.

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
    /// To read, wherever it can be had.
    Pull,
    /// To see what it has itself, whoever mirrors it.
    Look,
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

/// How a server that was asked for the first time is to be asked.
pub(crate) struct Greeting {
    /// Its address, which may be one of two.
    pub origin: Origin,
    /// The kinds of proof that it wants to be shown; nothing if it lets everybody in.
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
    /// The mirrors that are not asked: they don't answer, or sent wrong bytes.
    left_out: Mutex<BTreeSet<String>>,
    /// How often a mirror sent wrong bytes.
    deceptions: AtomicUsize,
    warnings: Mutex<Warnings>,
}

impl Client {
    /// Connects nothing yet.
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

    /// The warnings of registries, and the mirrors that were passed over; each once in a run. Most of these
    /// texts are not our words.
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

    /// Says why a mirror was of no use, and asks it no more if that is because it does not answer.
    pub(crate) fn pass_over(&self, origin: &Origin, error: &FetchError) {
        match error.is_passing() {
            true => self.leave_out(origin, error),
            false => self.warn_of_mirror(error),
        }
    }

    /// Says why a mirror is asked no more.
    pub(crate) fn leave_out(&self, origin: &Origin, error: &FetchError) {
        lock(&self.left_out).insert(origin.to_string());
        self.warn_of_mirror(error);
    }

    /// A mirror sent wrong bytes: it is asked no more.
    pub(crate) fn is_deceived_by(&self, origin: &Origin, error: &FetchError) {
        self.leave_out(origin, error);
        self.deceptions.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a mirror sent wrong bytes.
    pub(crate) fn deceptions(&self) -> usize {
        self.deceptions.load(Ordering::Relaxed)
    }

    fn warn_of_mirror(&self, error: &FetchError) {
        self.warn(std::iter::once(format!("mirror passed over: {error}")));
    }

    /// Asks the server of a repository whom it lets in. A server that may have TLS or not is asked without it first: a server
    /// with TLS refuses such a request at once, while one without may wait for the rest of a handshake.
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
                    // Where nobody answers to either, it is not TLS that is missing.
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

    /// Fetches a token for `scopes` as `challenge` wants it; the inner error is how that was refused.
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

/// Whether an answer without TLS is of a server without TLS: one with it says that this is a bad request, or leads to itself.
fn is_of_http(answer: &Answer) -> bool {
    answer.own && answer.response.status() != StatusCode::BAD_REQUEST
}

/// Whether to ask once more, with more patience, would be of no use.
fn is_final(answer: &Answer) -> bool {
    let status = answer.response.status();
    !status.is_server_error() && !matches!(status.as_u16(), 408 | 429)
}

/// The greeting that a server's first answer means.
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
        // Whatever else it says here, it may still have the repository.
        _ => {}
    }
    Ok(greeting)
}

/// The challenges of the server that gave this answer.
pub(crate) fn challenges(answer: &Answer) -> Vec<Challenge> {
    let headers = answer.response.headers().get_all(WWW_AUTHENTICATE).iter();
    headers.flat_map(|value| challenge::parse(value.as_bytes())).collect()
}

/// A thread that panicked left the value whole: no change to it takes more than one statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
