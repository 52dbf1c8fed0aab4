//! Decides when a request is repeated: at the time that the server says, or else after a growing pause. It also limits
//! the time that a run waits for all servers together.

use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use ureq::Body;
use ureq::http::header::RETRY_AFTER;
use ureq::http::{HeaderMap, Method, Response, StatusCode};

/// The default time that a run waits for all servers together.
const WAITING: Duration = Duration::from_secs(60);
/// The most tries of a request.
const TRIES: u32 = 4;
/// The first pause.
const FIRST: Duration = Duration::from_millis(500);

/// The time that is left for waiting.
pub(crate) struct Patience(Mutex<Duration>);

impl Patience {
    pub fn new(most: Option<Duration>) -> Self {
        Self(Mutex::new(most.unwrap_or(WAITING)))
    }

    /// Waits if there is enough time left.
    pub fn wait(&self, pause: Duration) -> bool {
        {
            let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(rest) = left.checked_sub(pause) else { return false };
            *left = rest;
        }
        std::thread::sleep(pause);
        true
    }
}

/// Whether and when a request should be made again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// No: the answer is final.
    No,
    /// Something failed at the server, and may work later.
    Perhaps(Duration),
    /// There were too many requests.
    Later(Duration),
    /// There were too many requests, and the server resets its count hours later.
    MuchLater,
}

/// Whether the request should be made again after this answer to its `tried`th try.
pub(crate) fn again(response: &Response<Body>, method: &Method, tried: u32) -> Again {
    let headers = response.headers();
    let text = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let said = text.and_then(|text| retry_after(text, SystemTime::now()));
    match (response.status(), said) {
        (StatusCode::TOO_MANY_REQUESTS, None) if counts_for_hours(headers) => Again::MuchLater,
        (StatusCode::TOO_MANY_REQUESTS, said) => Again::Later(said.unwrap_or(backoff(tried))),
        (StatusCode::SERVICE_UNAVAILABLE, Some(said)) => Again::Later(said),
        (status, _) if is_failure(status) && is_harmless(method) && tried < TRIES => {
            Again::Perhaps(backoff(tried))
        }
        _ => Again::No,
    }
}

/// Whether a connection broke in a way that may pass.
pub(crate) fn is_broken(error: &ureq::Error, method: &Method, tried: u32) -> bool {
    let broke = matches!(
        error,
        ureq::Error::Io(error) if matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
        )
    );
    broke && is_harmless(method) && tried < TRIES
}

/// Whether this was the last try.
pub(crate) fn is_enough(tried: u32) -> bool {
    tried >= TRIES
}

/// A growing pause, with a random part so that clients do not all return at once.
pub(crate) fn backoff(tried: u32) -> Duration {
    let whole = FIRST * 3_u32.pow((tried.max(1) - 1).min(5));
    let part = RandomState::new().hash_one(tried) % 1024;
    whole / 2 + whole / 2 * u32::try_from(part).unwrap_or_default() / 1024
}

fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 500 | 502 | 503 | 504)
}

/// Whether a repeated request has the same effect as one.
fn is_harmless(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Docker Hub's limit is of six hours.
fn counts_for_hours(headers: &HeaderMap) -> bool {
    headers.contains_key("ratelimit-limit") || headers.contains_key("ratelimit-remaining")
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

    #[test]
    fn a_pause_grows_and_differs() {
        for (tried, least, most) in [(1, 250, 500), (2, 750, 1500), (3, 2250, 4500)] {
            let pause = backoff(tried).as_millis();
            assert!((least..=most).contains(&pause), "{tried}: {pause}");
        }
        assert!((0..20).map(|_| backoff(3)).collect::<std::collections::BTreeSet<_>>().len() > 1);
    }

    #[test]
    fn what_is_asked_again_depends_on_the_answer_and_the_request() {
        let answer = |status: u16, header: Option<(&str, &str)>, method: Method, tried| {
            let mut response = Response::builder().status(status);
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            again(&response.body(Body::builder().data("")).unwrap(), &method, tried)
        };
        let seconds = Duration::from_secs;
        let after = |text| Some(("Retry-After", text));
        assert_eq!(answer(429, after("7"), Method::PUT, 1), Again::Later(seconds(7)));
        assert_eq!(answer(503, after("7"), Method::PUT, 1), Again::Later(seconds(7)));
        assert!(
            matches!(answer(429, after("soon"), Method::GET, 1), Again::Later(pause) if pause < seconds(1))
        );
        assert_eq!(answer(429, Some(("ratelimit-remaining", "0")), Method::GET, 1), Again::MuchLater);
        for status in [408, 500, 502, 503, 504] {
            assert!(matches!(answer(status, None, Method::HEAD, 3), Again::Perhaps(_)), "{status}");
            assert_eq!(answer(status, None, Method::HEAD, 4), Again::No, "{status}");
            assert_eq!(answer(status, None, Method::PUT, 1), Again::No, "{status}");
        }
        for status in [200, 301, 401, 404, 416, 501] {
            assert_eq!(answer(status, None, Method::GET, 1), Again::No, "{status}");
        }
    }

    #[test]
    fn there_is_so_much_patience_and_no_more() {
        let patience = Patience::new(Some(Duration::from_millis(5)));
        assert!(patience.wait(Duration::from_millis(3)));
        assert!(!patience.wait(Duration::from_millis(3)));
        assert!(patience.wait(Duration::from_millis(2)));
    }
}
