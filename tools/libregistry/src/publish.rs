//! Writes manifests and tags of a repository, after all that they name.

use crate::retry::{Attempt, retry};
use crate::session::Session;
use libhttp::{Call, FetchError, Payload};
use libwire::Digest;
use std::io::{self, Read};
use ureq::http::Method;

/// The result of publishing a manifest.
#[derive(Debug, PartialEq, Eq)]
pub enum Published {
    /// The repository has it.
    Done,
    /// The manifest names a blob or a manifest that the repository does not have; the registry's words.
    Incomplete(String),
}

impl Session<'_> {
    /// The digest of the manifest with a tag or digest, as the registry says, or else that of its bytes.
    pub fn digest(&self, which: &str, accept: &str) -> Result<Option<Digest>, FetchError> {
        let Some(head) = self.look_up(which, accept)? else { return Ok(None) };
        match head.digest {
            Some(digest) => Ok(Some(digest)),
            None => Ok(self.manifest(which, accept)?.map(|manifest| manifest.digest)),
        }
    }

    /// Stores a manifest's bytes unchanged under a tag or their digest.
    pub fn publish(&self, which: &str, media_type: &str, bytes: &[u8]) -> Result<Published, FetchError> {
        let (url, digest) = (self.repository.manifest(which), Digest::of(bytes));
        let open = || Ok(Box::new(io::Cursor::new(bytes.to_vec())) as Box<dyn Read>);
        let payload = Payload { media_type, size: bytes.len() as u64, range: None, open: &open };
        let mut first = true;
        retry(&self.client.transport, || {
            // The answer may have been lost, and an immutable tag can only be written once.
            if !std::mem::take(&mut first) && self.digest(which, media_type)? == Some(digest) {
                return Ok(Attempt::Done(Published::Done));
            }
            let call = Call { payload: Some(payload), ..Call::new(Method::PUT, &url, "*/*") };
            let mut answer = self.call(&call)?;
            if let 200..=202 | 204 = answer.response.status().as_u16() {
                self.stored(&url, &answer, digest)?;
                return Ok(Attempt::Done(Published::Done));
            }
            match self.rejected(&url, &mut answer) {
                FetchError::Refused { what, .. } if is_incomplete(&what) => {
                    Ok(Attempt::Done(Published::Incomplete(what)))
                }
                error => Err(error),
            }
        })
    }
}

/// Whether a registry says that it lacks something (distribution-spec, "Error Codes").
fn is_incomplete(reasons: &str) -> bool {
    ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"].iter().any(|code| reasons.contains(code))
}
