//! One request, wherever it is led, as often as the server wants to be waited for. It shows what it is given to the
//! server it is given for, and knows no login. Threads may share it.

use crate::origin::{Origin, resolve};
use crate::payload::{Payload, Sent};
use crate::{Environment, FetchError, REDIRECTS, agent, reason, url};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use ureq::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, EXPECT, LOCATION,
    RANGE, RETRY_AFTER,
};
use ureq::http::{HeaderValue, Method, Request, Response, StatusCode, request};
use ureq::{Agent, AsSendBody, Body, SendBody};

/// How long a run waits for servers that want to be asked less often, together.
const WAITING: Duration = Duration::from_secs(60);
/// How long the body of a short answer may take, however slowly it comes.
const BODY: Duration = Duration::from_secs(60);
/// How long a server may take to answer what was sent: it may have to move gigabytes first.
const DIGESTION: Duration = Duration::from_secs(300);
/// How long a server may take to say that it wants a body; it gets it all the same then.
const WANTED: Duration = Duration::from_millis(300);
/// How long a body that may be long may pause.
const SILENCE: Duration = Duration::from_secs(30);
/// How often one thing is asked.
const TRIES: u32 = 4;

/// What is asked.
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
    /// What is sent, as a form.
    pub form: Option<&'a str>,
    /// What is sent as it is.
    pub payload: Option<Payload<'a>>,
    /// The byte with which a body begins that may be long: it may take any time, as long as it goes on.
    pub from: Option<u64>,
}

impl<'a> Call<'a> {
    /// A request with this method that sends nothing and shows nothing.
    pub fn new(method: Method, url: &'a str, accept: &'a str) -> Self {
        Self { method, url, accept, authorization: None, form: None, payload: None, from: None }
    }
}

/// What came.
pub struct Answer {
    /// Head and body.
    pub response: Response<Body>,
    /// Whether the server that was asked said so itself, and no other to which it led.
    pub own: bool,
}

/// Connections, which are kept, and the time that is left for waiting.
pub struct Transport {
    agent: Agent,
    waiting: Mutex<Duration>,
}

impl Transport {
    /// Connects nothing yet.
    pub fn new(environment: &Environment) -> Result<Self, FetchError> {
        Ok(Self { agent: agent(environment, 0)?, waiting: Mutex::new(WAITING) })
    }

    /// Asks, and again after a while if the server says that there were too many requests.
    pub fn send(&self, call: &Call) -> Result<Answer, FetchError> {
        for tried in 1.. {
            let answer = self.follow(call)?;
            let Some(pause) = pause(&answer.response, tried) else { return Ok(answer) };
            if tried >= TRIES || !self.may_wait(pause) {
                let what = format!(
                    "it takes no more requests for now; try again in {} or more seconds{}",
                    pause.as_secs().max(1),
                    if call.authorization.is_none() { ", or log in, which may allow more" } else { "" }
                );
                return Err(FetchError::remote(call.url, what));
            }
            std::thread::sleep(pause);
        }
        Err(FetchError::remote(call.url, "it takes no more requests"))
    }

    /// Takes `pause` off the time that is left, if there is so much.
    fn may_wait(&self, pause: Duration) -> bool {
        let mut left = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match left.checked_sub(pause) {
            Some(rest) => *left = rest,
            None => return false,
        }
        true
    }

    /// Asks, and then where that leads. From https it leads to https only; only the server itself is shown what
    /// authenticates.
    fn follow(&self, call: &Call) -> Result<Answer, FetchError> {
        let failed = |what: &str| FetchError::remote(call.url, what);
        let first = Origin::of(call.url).ok_or_else(|| failed("this can't be a server's URL"))?;
        let mut url = call.url.to_owned();
        for _ in 0..=REDIRECTS {
            let origin = Origin::of(&url)
                .ok_or_else(|| failed("it redirects to something that is not an http(s) URL"))?;
            if first.is_https() && !origin.is_https() {
                return Err(failed("it leads from https to http"));
            }
            let own = origin.is(&first);
            let response = self.ask(call, &url, own)?;
            let status = response.status();
            // A form is for the server that it was sent to; what else is sent, is sent on as it is or not at all.
            let ends = match call.method {
                Method::GET | Method::HEAD => !status.is_redirection(),
                _ => call.form.is_some() || !matches!(status.as_u16(), 307 | 308),
            };
            if ends {
                return Ok(Answer { response, own });
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| resolve(&url, location));
            url = next.ok_or_else(|| failed("it leads nowhere, by a redirect without a place"))?;
        }
        Err(failed(&format!("it leads through more than {REDIRECTS} redirects")))
    }

    fn ask(&self, call: &Call, url: &str, own: bool) -> Result<Response<Body>, FetchError> {
        let mut request = Request::builder().method(call.method.clone()).uri(url::encode(url));
        request = request.header(ACCEPT, call.accept);
        if let Some(value) = call.authorization.filter(|_| own) {
            request = request.header(AUTHORIZATION, value);
        }
        if call.form.is_some() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(from) = call.from {
            // The bytes that have the digest, and never another coding of them.
            request = request.header(ACCEPT_ENCODING, "identity");
            // Asked for all, some servers fail at a range, and one beyond the end has no answer.
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
        }
        let bad = |_| FetchError::remote(call.url, "this can't be asked for");
        let result = match (call.form, &call.payload) {
            (Some(form), _) => self.run(request.body(form).map_err(bad)?, true),
            (None, Some(payload)) => return self.deliver(call, payload, request),
            // An empty body has a length too: some servers wait for one.
            (None, None) if !matches!(call.method, Method::GET | Method::HEAD) => {
                self.run(request.body("").map_err(bad)?, true)
            }
            (None, None) => self.run(request.body(()).map_err(bad)?, call.from.is_none()),
        };
        result.map_err(|error| FetchError::remote(call.url, reason(&error)))
    }

    /// Sends a request with its payload.
    fn deliver(
        &self,
        call: &Call,
        payload: &Payload,
        request: request::Builder,
    ) -> Result<Response<Body>, FetchError> {
        let mut request =
            request.header(CONTENT_TYPE, payload.media_type).header(CONTENT_LENGTH, payload.size);
        if let Some(range) = payload.range {
            request = request.header(CONTENT_RANGE, range);
        }
        if payload.is_announced() {
            request = request.header(EXPECT, "100-continue");
        }
        let input = (payload.open)().map_err(FetchError::io("cannot read what is to be sent"))?;
        let mut sent = Sent { input, error: None };
        let request = request.body(SendBody::from_reader(&mut sent));
        let request = request.map_err(|_| FetchError::remote(call.url, "this can't be asked for"))?;
        let config = self.agent.configure_request(request);
        let config = config.timeout_await_100(Some(WANTED)).timeout_recv_response(Some(DIGESTION));
        let result = self.agent.run(config.timeout_recv_body(Some(BODY)).build());
        match (result, sent.error) {
            (Err(_), Some(error)) => Err(FetchError::io("cannot read what is to be sent")(error)),
            (result, _) => result.map_err(|error| FetchError::remote(call.url, reason(&error))),
        }
    }

    fn run(&self, request: Request<impl AsSendBody>, short: bool) -> Result<Response<Body>, ureq::Error> {
        let config = self.agent.configure_request(request);
        let config = match short {
            true => config.timeout_recv_body(Some(BODY)),
            false => config.timeout_recv_body(None).timeout_per_read(Some(SILENCE)),
        };
        self.agent.run(config.build())
    }
}

/// How long to wait before asking again, if that is what the server wants: what it says, else twice as long
/// each time.
fn pause(response: &Response<Body>, tried: u32) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    match (response.status(), text) {
        (StatusCode::TOO_MANY_REQUESTS, None) => Some(Duration::from_secs(1 << (tried - 1).min(6))),
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(text)) => {
            Some(retry_after(text, SystemTime::now()).unwrap_or(WAITING))
        }
        _ => None,
    }
}

/// Seconds, or a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let seconds = text.trim().parse().map(Duration::from_secs).ok();
    seconds.or_else(|| {
        let date = httpdate::parse_http_date(text.trim()).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_in_seconds_or_until_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let seconds = |text| retry_after(text, now).map(|pause| pause.as_secs());
        assert_eq!((seconds("120"), seconds(" 0 ")), (Some(120), Some(0)));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        for junk in ["", "-1", "soon", "99999999999999999999999"] {
            assert_eq!(seconds(junk), None, "{junk}");
        }
    }
}
