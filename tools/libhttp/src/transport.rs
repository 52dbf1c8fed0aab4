//! Makes one request, with its redirects and retries. It sends an authentication only to the server that it is for, and
//! knows no logins. Threads may share it.

use crate::agent::{REDIRECTS, build, failure};
use crate::environment::Environment;
use crate::error::FetchError;
use crate::origin::{Origin, resolve};
use crate::payload::{Payload, Sent};
use crate::retry::{Again, Patience, again, backoff, is_broken, is_enough};
use crate::trust::Trust;
use crate::url;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, EXPECT, LOCATION,
    RANGE,
};
use ureq::http::{HeaderValue, Method, Request, Response, request};
use ureq::tls::TlsConfig;
use ureq::{Agent, AsSendBody, Body, SendBody};

/// The longest time for the body of a short answer.
const BODY: Duration = Duration::from_secs(60);
/// The longest time until a server answers a body, because it may have to move gigabytes first.
const DIGESTION: Duration = Duration::from_secs(300);
/// The longest time until a server says that it wants a body. It gets the body after that time, too.
const WANTED: Duration = Duration::from_millis(300);
/// The longest time to connect to a server that another one can replace.
const SOON: Duration = Duration::from_secs(5);
const NO_URL: &str = "it redirects to something that is not an http(s) URL";

/// A request.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: &'a str,
    /// The media types to answer with.
    pub accept: &'a str,
    /// The header that authenticates.
    pub authorization: Option<&'a HeaderValue>,
    /// The body, as a form.
    pub form: Option<&'a str>,
    /// The body, which is sent as it is.
    pub payload: Option<Payload<'a>>,
    /// Whether any certificate of this server is accepted, but not of servers to which it redirects.
    pub unverified: bool,
    /// Whether another server may be asked instead. This one must then answer soon, and is asked once.
    pub replaceable: bool,
    /// Decides which servers redirects may lead to.
    pub guard: Option<Guard<'a>>,
    /// The first byte of a body that may be long. It may take any time, as long as bytes arrive.
    pub from: Option<u64>,
}

impl<'a> Call<'a> {
    /// A request with this method, without a body and authentication.
    pub fn new(method: Method, url: &'a str, accept: &'a str) -> Self {
        Self {
            method,
            url,
            accept,
            authorization: None,
            form: None,
            payload: None,
            unverified: false,
            replaceable: false,
            guard: None,
            from: None,
        }
    }
}

/// The reason why a request may not be redirected to a server.
#[derive(Clone, Copy)]
pub struct Guard<'a>(pub &'a (dyn Fn(&Origin) -> Result<(), String> + Sync));

impl fmt::Debug for Guard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

/// The answer to a request.
pub struct Answer {
    /// Head and body.
    pub response: Response<Body>,
    /// Whether this is the answer of the server itself, and not of one to which it redirected.
    pub own: bool,
}

#[derive(Default)]
struct Pool {
    /// By server, and whether its certificate is checked. Servers without special settings share one.
    agents: BTreeMap<(String, bool), Agent>,
    /// The certificates that most servers are checked with, read for the first server with TLS.
    trust: Option<Trust>,
}

/// The directories that may have certificates for a server; the first that exists counts.
pub type CertificateDirs = Box<dyn Fn(&Origin) -> Vec<PathBuf> + Send + Sync>;

/// Connections, which are kept, and the time that is left for waiting.
pub struct Transport {
    environment: Environment,
    dirs: CertificateDirs,
    pool: Mutex<Pool>,
    patience: Patience,
}

impl Transport {
    /// A transport without connections.
    pub fn new(environment: &Environment, dirs: CertificateDirs) -> Self {
        Self {
            environment: environment.clone(),
            dirs,
            pool: Mutex::default(),
            patience: Patience::new(environment.max_wait),
        }
    }

    /// Waits before a request that was `tried` this often is repeated, if that is allowed and there is time left.
    pub fn wait(&self, tried: u32) -> bool {
        !is_enough(tried) && self.pause(backoff(tried))
    }

    /// Waits this long if there is enough time left.
    pub fn pause(&self, pause: Duration) -> bool {
        self.patience.wait(pause)
    }

    /// Makes a request, and repeats it after a while if the server says that there were too many, or fails at a request
    /// that may be repeated.
    pub fn send(&self, call: &Call) -> Result<Answer, FetchError> {
        for tried in 1.. {
            let answer = self.follow(call)?;
            let pause = match again(&answer.response, &call.method, tried) {
                Again::No => return Ok(answer),
                _ if call.replaceable => return Ok(answer),
                Again::Perhaps(pause) => match self.patience.wait(pause) {
                    true => continue,
                    false => return Ok(answer),
                },
                Again::Later(pause) => Some(pause),
                Again::MuchLater => None,
            };
            if !pause.is_some_and(|pause| !is_enough(tried) && self.patience.wait(pause)) {
                let when = match pause {
                    Some(pause) => format!("in {} or more seconds", pause.as_secs().max(1)),
                    None => "some hours later".into(),
                };
                let login = ", or log in, which may allow more";
                let login = if call.authorization.is_none() { login } else { "" };
                let what = format!("it takes no more requests for now; try again {when}{login}");
                return Err(FetchError::remote(call.url, what));
            }
        }
        Err(FetchError::remote(call.url, "it takes no more requests"))
    }

    /// Makes a request, and follows redirects. From https it only follows those to https. Only the first server gets
    /// the authentication.
    fn follow(&self, call: &Call) -> Result<Answer, FetchError> {
        let failed = |what: &str| FetchError::refused(call.url, what);
        let first = Origin::of(call.url).ok_or_else(|| failed("this can't be a server's URL"))?;
        let mut url = call.url.to_owned();
        for _ in 0..=REDIRECTS {
            let origin = Origin::of(&url).ok_or_else(|| failed(NO_URL))?;
            if first.is_https() && !origin.is_https() {
                return Err(failed("it leads from https to http"));
            }
            let own = origin.is(&first);
            if let Some(Guard(may)) = call.guard.filter(|_| !own) {
                may(&origin).map_err(|what| failed(&what))?;
            }
            let response = self.ask(call, &url, &origin, own)?;
            let status = response.status();
            // A form is only for the first server; another body is sent on unchanged or not at all.
            let ends = match call.method {
                Method::GET | Method::HEAD => !status.is_redirection(),
                _ => call.form.is_some() || !matches!(status.as_u16(), 307 | 308),
            };
            if ends {
                return Ok(Answer { response, own });
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location =
                location.ok_or_else(|| failed("it leads nowhere, by a redirect without a place"))?;
            url = resolve(&url, location).ok_or_else(|| failed(NO_URL))?;
        }
        Err(failed(&format!("it leads through more than {REDIRECTS} redirects")))
    }

    /// Asks one server, and once more if the connection broke at a request that may be repeated.
    fn ask(&self, call: &Call, url: &str, server: &Origin, own: bool) -> Result<Response<Body>, FetchError> {
        let agent = self.agent(server, call.unverified && own)?;
        for tried in 1.. {
            match Self::once(&agent, call, url, own)? {
                Ok(response) => return Ok(response),
                Err(error) => {
                    let again = !call.replaceable && is_broken(&error, &call.method, tried);
                    if !again || !self.patience.wait(backoff(tried)) {
                        return Err(failure(call.url, &error));
                    }
                }
            }
        }
        Err(FetchError::remote(call.url, "it breaks off each time"))
    }

    /// The connections for a server.
    fn agent(&self, server: &Origin, unverified: bool) -> Result<Agent, FetchError> {
        let key = (server.to_string(), unverified);
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let Pool { agents, trust } = &mut *pool;
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let proxy = self.environment.proxies.for_server(server)?;
        let (scheme, mut is_usual) = (format!("https={}", server.is_https()), proxy.is_none() && !unverified);
        let tls = match server.is_https() {
            false => TlsConfig::default(),
            true => {
                let usual = match trust {
                    Some(usual) => usual,
                    None => trust.insert(Trust::of_machine(&self.environment)?),
                };
                let own = usual.with_first(&(self.dirs)(server))?;
                is_usual &= own.is_none();
                own.as_ref().unwrap_or(usual).config(!unverified)
            }
        };
        let shared = if is_usual { (scheme, false) } else { key.clone() };
        let agent = agents.entry(shared).or_insert_with(|| build(tls, proxy, 0)).clone();
        agents.insert(key, agent.clone());
        Ok(agent)
    }

    /// Makes one request. The inner error is that of the connection.
    fn once(
        agent: &Agent,
        call: &Call,
        url: &str,
        own: bool,
    ) -> Result<Result<Response<Body>, ureq::Error>, FetchError> {
        let mut request = Request::builder().method(call.method.clone()).uri(url::encode(url));
        request = request.header(ACCEPT, call.accept);
        if let Some(value) = call.authorization.filter(|_| own) {
            request = request.header(AUTHORIZATION, value);
        }
        if call.form.is_some() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(from) = call.from {
            // The server must send the bytes of the digest, and not another encoding of them.
            request = request.header(ACCEPT_ENCODING, "identity");
            // A request for all bytes has no range: some servers fail at one, and one beyond the end has no answer.
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
        }
        let bad = |_| FetchError::refused(call.url, "this can't be asked for");
        Ok(match (call.form, &call.payload) {
            (Some(form), _) => run(agent, call, request.body(form).map_err(bad)?),
            (None, Some(payload)) => return deliver(agent, call, payload, request),
            // An empty body has a length too: some servers wait for one.
            (None, None) if !matches!(call.method, Method::GET | Method::HEAD) => {
                run(agent, call, request.body("").map_err(bad)?)
            }
            (None, None) => run(agent, call, request.body(()).map_err(bad)?),
        })
    }
}

/// Sends a request with its payload.
fn deliver(
    agent: &Agent,
    call: &Call,
    payload: &Payload,
    request: request::Builder,
) -> Result<Result<Response<Body>, ureq::Error>, FetchError> {
    let mut request = request.header(CONTENT_TYPE, payload.media_type).header(CONTENT_LENGTH, payload.size);
    if let Some(range) = payload.range {
        request = request.header(CONTENT_RANGE, range);
    }
    if payload.is_announced() {
        request = request.header(EXPECT, "100-continue");
    }
    let input = (payload.open)().map_err(FetchError::io("cannot read what is to be sent"))?;
    let mut sent = Sent { input, error: None };
    let request = request.body(SendBody::from_reader(&mut sent));
    let request = request.map_err(|_| FetchError::refused(call.url, "this can't be asked for"))?;
    let config = agent.configure_request(request);
    let config = config.timeout_await_100(Some(WANTED)).timeout_recv_response(Some(DIGESTION));
    let result = agent.run(config.timeout_recv_body(Some(BODY)).build());
    match (result, sent.error) {
        (Err(_), Some(error)) => Err(FetchError::io("cannot read what is to be sent")(error)),
        (result, _) => Ok(result),
    }
}

fn run(agent: &Agent, call: &Call, request: Request<impl AsSendBody>) -> Result<Response<Body>, ureq::Error> {
    let mut config = agent.configure_request(request);
    if call.from.is_none() {
        config = config.timeout_recv_body(Some(BODY));
    }
    if call.replaceable {
        config = config.timeout_connect(Some(SOON));
    }
    agent.run(config.build())
}
