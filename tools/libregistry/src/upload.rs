//! Sends blobs to a repository. A blob that it has is not sent, a blob of a neighbour at the same registry is mounted,
//! and others are sent whole, or in chunks if a server in between accepts no more at once. An upload that breaks off
//! begins anew, because a session that was cut is dead at most registries.

use crate::retry::{Attempt, retry};
use crate::session::{Session, text};
use libhttp::{Answer, Call, FetchError, Origin, Payload, resolve};
use libwire::Digest;
use std::io::{self, Read};
use ureq::ResponseExt as _;
use ureq::http::Method;
use ureq::http::header::LOCATION;

/// The size of chunks to begin with, and the smallest.
const CHUNK: u64 = 32 << 20;
const SMALLEST: u64 = 256 << 10;
/// The hosts that accept less, and how much.
const SMALL_CHUNKS: (&str, u64) = ("ghcr.io", 4 << 20);

/// A blob that can be read from any byte on, as often as it must be sent.
#[derive(Clone, Copy)]
pub struct Upload<'a> {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Opens it at a byte.
    pub open: &'a (dyn Fn(u64) -> io::Result<Box<dyn Read>> + Sync + 'a),
}

/// The way by which a repository got a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The repository had it.
    Had,
    /// The registry mounted it from this repository.
    Mounted(String),
    /// It was sent.
    Sent,
}

/// The answer to a request for an upload.
enum Begun {
    Mounted(String),
    Session { location: String, least: u64 },
}

/// The end of an upload that was begun.
enum End {
    Stored,
    /// A body was too large.
    TooLarge(FetchError),
    Again(FetchError),
}

impl Session<'_> {
    /// Sends a blob to the repository, unless it is there. It may be mounted from one of `neighbours`, repositories of
    /// the same registry, by their names there.
    pub fn upload(
        &self,
        blob: &Upload,
        neighbours: &dyn Fn() -> Vec<String>,
    ) -> Result<Delivery, FetchError> {
        let mut chunk = None;
        retry(&self.client.transport, || {
            if self.may_have(blob.digest)? {
                return Ok(Attempt::Done(Delivery::Had));
            }
            let (location, least) = match self.begin(blob.digest, &neighbours())? {
                Begun::Mounted(from) => return Ok(Attempt::Done(Delivery::Mounted(from))),
                Begun::Session { location, least } => (location, least),
            };
            let end = match chunk {
                None => self.send_whole(&location, blob)?,
                Some(size) => self.send_chunks(&location, blob, size)?,
            };
            match end {
                End::Stored => Ok(Attempt::Done(Delivery::Sent)),
                End::Again(error) => Ok(Attempt::Again(error)),
                End::TooLarge(error) => {
                    chunk = Some(self.smaller(chunk, least).ok_or(error)?);
                    Ok(Attempt::Now)
                }
            }
        })
    }

    /// Whether the repository has a blob. Some registries refuse this request to clients that may write.
    fn may_have(&self, digest: Digest) -> Result<bool, FetchError> {
        match self.has_blob(digest) {
            Err(FetchError::Login { .. } | FetchError::Refused { .. }) => Ok(false),
            other => other,
        }
    }

    /// Asks to mount a blob from one of `neighbours`, or else for an upload.
    fn begin(&self, digest: Digest, neighbours: &[String]) -> Result<Begun, FetchError> {
        let uploads = self.repository.uploads();
        for from in neighbours {
            let url = format!("{uploads}?mount={digest}&from={from}");
            let answer = match self.reading_too(from).call(&Call::new(Method::POST, &url, "*/*")) {
                Ok(answer) => answer,
                // The neighbour may not be read, and need not be.
                Err(FetchError::Login { .. } | FetchError::Refused { .. }) => continue,
                Err(error) => return Err(error),
            };
            match answer.response.status().as_u16() {
                201 => return Ok(Begun::Mounted(from.clone())),
                202 => return self.begun(&url, &answer),
                _ => {}
            }
        }
        let mut answer =
            self.call(&Call::new(Method::POST, &uploads, "*/*")).map_err(|error| self.hint(error))?;
        match answer.response.status().as_u16() {
            202 => self.begun(&uploads, &answer),
            _ => Err(self.rejected(&uploads, &mut answer)),
        }
    }

    /// ECR then gives no reason at all.
    fn hint(&self, error: FetchError) -> FetchError {
        match error {
            FetchError::Remote { url, what } if self.repository.domain().ends_with(".amazonaws.com") => {
                FetchError::Remote {
                    url,
                    what: what + "; does the repository exist? ECR wants it to be created",
                }
            }
            other => other,
        }
    }

    fn begun(&self, url: &str, answer: &Answer) -> Result<Begun, FetchError> {
        let least =
            text(&answer.response, "oci-chunk-min-length").and_then(|least| least.trim().parse().ok());
        let location = self.location(answer)?;
        let location =
            location.ok_or_else(|| FetchError::remote(url, "it takes an upload and does not say where"))?;
        Ok(Begun::Session { location, least: least.unwrap_or_default() })
    }

    /// The location in an answer, if it has one.
    fn location(&self, answer: &Answer) -> Result<Option<String>, FetchError> {
        let Some(location) = answer.response.headers().get(LOCATION).and_then(|value| value.to_str().ok())
        else {
            return Ok(None);
        };
        let base = answer.response.get_uri().to_string();
        let url = resolve(&base, location);
        let origin = url.as_deref().and_then(Origin::of);
        match (url, origin) {
            (Some(_), Some(origin)) if self.repository.origin().is_https() && !origin.is_https() => {
                let what = format!(
                    "it wants uploads over http, at {origin}; its configuration needs its own https URL"
                );
                Err(FetchError::refused(&base, what))
            }
            (Some(url), Some(_)) => Ok(Some(url)),
            _ => {
                Err(FetchError::refused(&base, "the place that it names for an upload is not an http(s) URL"))
            }
        }
    }

    /// Sends to a location that the registry named. Only the registry itself gets the login.
    fn deliver(&self, call: &Call) -> Result<Answer, FetchError> {
        match Origin::of(call.url).is_some_and(|origin| origin.is(self.repository.origin())) {
            true => self.call(call),
            // A refusal by another server is not the registry's, and its challenges are not answered.
            false => Ok(Answer { own: false, ..self.client.transport.send(call)? }),
        }
    }

    fn send_whole(&self, location: &str, blob: &Upload) -> Result<End, FetchError> {
        let open = || (blob.open)(0);
        let payload = Payload { media_type: OCTETS, size: blob.size, range: None, open: &open };
        self.finish(location, blob.digest, Some(payload))
    }

    /// The request that ends an upload, with the bytes or after them.
    fn finish(&self, location: &str, digest: Digest, payload: Option<Payload>) -> Result<End, FetchError> {
        let url = format!("{location}{}digest=sha256%3A{}", separator(location), digest.hex());
        let mut answer = self.deliver(&Call { payload, ..Call::new(Method::PUT, &url, "*/*") })?;
        match answer.response.status().as_u16() {
            200 | 201 | 204 => self.stored(&url, &answer, digest).map(|()| End::Stored),
            _ => self.failed(&url, &mut answer),
        }
    }

    /// Checks the digest in an answer that a blob or manifest is stored, if it has one.
    pub(crate) fn stored(&self, url: &str, answer: &Answer, digest: Digest) -> Result<(), FetchError> {
        match text(&answer.response, "docker-content-digest") {
            Some(other) if other.parse::<Digest>().is_ok_and(|other| other != digest) => {
                Err(FetchError::refused(url, format!("sent {digest}, it says that it stored {other}")))
            }
            _ => Ok(()),
        }
    }

    fn send_chunks(&self, location: &str, blob: &Upload, size: u64) -> Result<End, FetchError> {
        let (mut location, mut from) = (location.to_owned(), 0);
        while from < blob.size {
            let size = size.min(blob.size - from);
            let range = format!("{from}-{}", from + size - 1);
            let open = || Ok(Box::new((blob.open)(from)?.take(size)) as Box<dyn Read>);
            let payload = Payload { media_type: OCTETS, size, range: Some(&range), open: &open };
            let call = Call { payload: Some(payload), ..Call::new(Method::PATCH, &location, "*/*") };
            let mut answer = self.deliver(&call)?;
            match answer.response.status().as_u16() {
                200..=204 => {}
                _ => return self.failed(&location, &mut answer),
            }
            // An older location is no longer accepted.
            location = self.location(&answer)?.unwrap_or(location);
            from += size;
        }
        self.finish(&location, blob.digest, None)
    }

    /// The end of an upload by a refusal in its middle.
    fn failed(&self, url: &str, answer: &mut Answer) -> Result<End, FetchError> {
        let status = answer.response.status().as_u16();
        let error = self.rejected(url, answer);
        Ok(match status {
            413 | 416 => End::TooLarge(error),
            // The session is lost, or in use by another client.
            404 | 409 | 410 => End::Again(error),
            400 if error.to_string().contains("BLOB_UPLOAD_") => End::Again(error),
            _ => return Err(error),
        })
    }

    /// The next smaller size of chunks; `None` if there is none.
    fn smaller(&self, chunk: Option<u64>, least: u64) -> Option<u64> {
        let (host, small) = SMALL_CHUNKS;
        let first = if self.repository.domain() == host { small } else { CHUNK };
        let least = least.max(SMALLEST);
        match chunk {
            None => Some(first.max(least)),
            Some(size) => Some((size / 4).max(least)).filter(|&smaller| smaller < size),
        }
    }
}

const OCTETS: &str = "application/octet-stream";

/// The character before a further parameter. The location is kept unchanged, because its own parameters may be signed.
fn separator(url: &str) -> char {
    if url.contains('?') { '&' } else { '?' }
}
