//! Reads from a repository: each manifest and blob comes from the first mirror that has it, or else from the registry
//! itself.

use crate::hosts::{Endpoint, Use};
use crate::repository::Repository;
use crate::session::{Session, text};
use libhttp::{Call, FetchError};
use libwire::Digest;
use std::io::Read;
use ureq::Body;
use ureq::http::{Method, Response, StatusCode};

/// Every registry accepts a manifest of this size (distribution-spec, "Pushing Manifests").
const LARGEST: u64 = 4 << 20;

/// A manifest as a registry describes it without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Without parameters.
    pub media_type: String,
    /// The digest as the registry says; `None` from old registries.
    pub digest: Option<Digest>,
}

/// A manifest, or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// As the registry says.
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its bytes, unchanged.
    pub bytes: Vec<u8>,
}

/// A blob that is being read. Its digest can only be checked by reading it to its end.
pub struct Blob {
    /// The first byte; 0 if the registry sends no parts of blobs.
    pub from: u64,
    /// The bytes. A pause of half a minute is an error, but there is no limit for all of them together.
    pub body: Box<dyn Read + Send>,
    /// The mirror that it comes from, if it is not the registry.
    pub(crate) mirror: Option<Repository>,
}

impl Session<'_> {
    /// Whether the repository has a blob.
    pub fn has_blob(&self, digest: Digest) -> Result<bool, FetchError> {
        let url = self.repository.blob(digest);
        self.ask(&Call::new(Method::HEAD, &url, "*/*")).map(|found| found.is_some())
    }

    /// Looks up the manifest with a tag or a digest, if it has one of the media types `accept`.
    pub fn look_up(&self, which: &str, accept: &str) -> Result<Option<Head>, FetchError> {
        self.first(which.parse::<Digest>().is_err(), |session| session.own_head(which, accept))
    }

    /// The manifest with a tag or a digest, if there is one of the media types `accept`. One with another digest is an
    /// error.
    pub fn manifest(&self, which: &str, accept: &str) -> Result<Option<Manifest>, FetchError> {
        self.first(which.parse::<Digest>().is_err(), |session| session.own_manifest(which, accept))
    }

    /// A blob, if the repository has it, from the byte `from` on if the registry gives parts.
    pub fn blob(&self, digest: Digest, from: u64) -> Result<Option<Blob>, FetchError> {
        self.first(false, |session| session.own_blob(digest, from))
    }

    /// The answer of the first mirror that has one, or else of the registry itself.
    fn first<T>(
        &self,
        by_tag: bool,
        ask: impl Fn(&Self) -> Result<Option<T>, FetchError>,
    ) -> Result<Option<T>, FetchError> {
        let serves = |mirror: &&Endpoint| !by_tag || mirror.mirror != Some(Use::Digests);
        for mirror in self.mirrors.iter().filter(serves) {
            let origin = mirror.repository.origin();
            if self.client.is_left_out(origin) {
                continue;
            }
            let session = Self::chosen(self.client, mirror.clone(), self.access);
            match session.and_then(|session| ask(&session)) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error) => self.client.pass_over(origin, &error),
            }
        }
        match self.mirrors.is_empty() {
            true => ask(self),
            // The mirror was not asked before.
            false => {
                let (repository, is_insecure) = (self.repository.clone(), self.is_insecure);
                let home = Endpoint { repository, is_insecure, mirror: None };
                ask(&Self::chosen(self.client, home, self.access)?)
            }
        }
    }

    fn own_head(&self, which: &str, accept: &str) -> Result<Option<Head>, FetchError> {
        let url = self.repository.manifest(which);
        let answer = self.ask(&Call::new(Method::HEAD, &url, accept))?;
        Ok(answer.map(|response| Head {
            media_type: media_type(&response),
            digest: text(&response, "docker-content-digest").and_then(|digest| digest.parse().ok()),
        }))
    }

    fn own_manifest(&self, which: &str, accept: &str) -> Result<Option<Manifest>, FetchError> {
        let url = self.repository.manifest(which);
        let failed = |what: String| FetchError::refused(&url, what);
        let Some(mut response) = self.ask(&Call::new(Method::GET, &url, accept))? else { return Ok(None) };
        let media_type = media_type(&response);
        let body = response.body_mut().with_config().limit(LARGEST);
        let bytes = body.read_to_vec().map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => failed("its manifest has more than 4 MiB".into()),
            error => FetchError::remote(&url, format!("its manifest breaks off: {error}; try again")),
        })?;
        let digest = Digest::of(&bytes);
        match which.parse::<Digest>() {
            Ok(wanted) if wanted != digest => Err(failed(format!("what it gives is {digest}; try again"))),
            _ => Ok(Some(Manifest { media_type, digest, bytes })),
        }
    }

    /// Requests a blob.
    pub(crate) fn blob_url(&self, digest: Digest) -> String {
        self.repository.blob(digest)
    }

    fn own_blob(&self, digest: Digest, from: u64) -> Result<Option<Blob>, FetchError> {
        let url = self.repository.blob(digest);
        let failed = |what: String| FetchError::refused(&url, what);
        let call = Call { from: Some(from), ..Call::new(Method::GET, &url, "*/*") };
        let Some(response) = self.ask(&call)? else { return Ok(None) };
        if let Some(coding) =
            text(&response, "content-encoding").filter(|coding| !coding.eq_ignore_ascii_case("identity"))
        {
            let what = format!("the server sends it encoded as {coding:?}, which nobody asked for");
            return Err(FetchError::refused(&url, what));
        }
        let begins = match response.status() {
            StatusCode::PARTIAL_CONTENT => text(&response, "content-range").and_then(first_byte),
            _ => Some(0),
        };
        match begins {
            Some(begins) if begins == 0 || begins == from => {
                let body = response.into_body().into_with_config().limit(u64::MAX).reader();
                Ok(Some(Blob { from: begins, body: Box::new(body), mirror: self.as_mirror() }))
            }
            _ => Err(failed(format!("asked for the bytes from {from} on, the server sends others"))),
        }
    }
}

fn media_type(response: &Response<Body>) -> String {
    let kind = text(response, "content-type").and_then(|text| text.split(';').next());
    kind.unwrap_or_default().trim().to_owned()
}

/// The first byte of a part of a blob: `bytes 5-9/10`.
fn first_byte(range: &str) -> Option<u64> {
    range.trim().strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_it_begins() {
        for (range, first) in [
            ("bytes 5-9/10", Some(5)),
            ("bytes 5-9/*", Some(5)),
            ("bytes */10", None),
            ("5-9", None),
            ("", None),
        ] {
            assert_eq!(first_byte(range), first, "{range}");
        }
    }
}
