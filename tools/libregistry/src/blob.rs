//! Reads a blob's bytes as one stream, however often its connection breaks. It goes on where the connection broke, at
//! the registry's own URL, because the URL of a redirect may have expired. A mirror that breaks off too often, or whose
//! bytes have another digest, is left out from then on. The reader must check the digest of the registry's own bytes.

use crate::repository::Repository;
use crate::session::Session;
use libhttp::FetchError;
use libwire::Digest;
use sha2::{Digest as _, Sha256};
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// The most tries for a blob, unless enough bytes arrive in between.
const TRIES: u32 = 5;
/// This many bytes make up for all earlier tries.
const ENOUGH: u64 = 1 << 20;
/// The pause before the second try; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// A wait of this length in which fewer than this many bytes arrive counts as silence.
const STALL: (Duration, u64) = (Duration::from_secs(30), 30 << 10);
/// A silence counts as this many tries.
const STALL_TRIES: u32 = 3;

/// The bytes of a blob.
pub struct BlobStream<'s, 'c> {
    session: &'s Session<'c>,
    digest: Digest,
    size: u64,
    /// The number of bytes that were returned.
    at: u64,
    body: Option<Box<dyn Read + Send>>,
    /// The mirror that sends the body, if it is not the registry's.
    mirror: Option<Repository>,
    /// All mirrors that sent bytes.
    mirrors: Vec<Repository>,
    /// Hashes the bytes, if a mirror may send them.
    hasher: Option<Sha256>,
    tries: u32,
    /// The number of bytes since the last try.
    gained: u64,
    pace: Pace,
}

impl<'c> Session<'c> {
    /// A blob of `size` bytes. Nothing is asked before the first read.
    pub fn stream(&self, digest: Digest, size: u64) -> BlobStream<'_, 'c> {
        BlobStream {
            session: self,
            digest,
            size,
            at: 0,
            body: None,
            mirror: None,
            mirrors: Vec::new(),
            hasher: (!self.mirrors.is_empty()).then(Sha256::new),
            tries: 0,
            gained: 0,
            pace: Pace::default(),
        }
    }
}

impl BlobStream<'_, '_> {
    /// Reads some bytes; none at the end.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError> {
        while self.at < self.size {
            let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX).min(buffer.len());
            let read = self.body().map(|body| {
                let begun = Instant::now();
                let read = body.read(&mut buffer[..left]);
                (read, begun.elapsed())
            });
            let why = match read {
                Ok((Ok(0), _)) => format!("ends after {} of {} bytes", self.at, self.size),
                Ok((Ok(read), took)) => {
                    self.at += read as u64;
                    self.gained += read as u64;
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&buffer[..read]);
                    }
                    match self.pace.is_stalled(read, took) {
                        false => return Ok(read),
                        // Such bytes count, too.
                        true => return self.again("hardly sends anything", STALL_TRIES).map(|()| read),
                    }
                }
                Ok((Err(error), took)) if is_timeout(&error) || took >= STALL.0 => {
                    let what = format!("sends nothing more after {} of {} bytes", self.at, self.size);
                    self.again(&what, STALL_TRIES)?;
                    continue;
                }
                Ok((Err(error), _)) => {
                    format!("breaks off after {} of {} bytes: {error}", self.at, self.size)
                }
                Err(error) if error.is_passing() && self.tries < TRIES => {
                    if !self.pause(1) {
                        return Err(error);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.again(&why, 1)?;
        }
        self.end()
    }

    /// The body, from the next byte on.
    fn body(&mut self) -> Result<&mut Box<dyn Read + Send>, FetchError> {
        let url = self.url();
        if self.body.is_none() {
            let refused = |what: &str| FetchError::refused(&url, what);
            let blob = match self.session.blob(self.digest, self.at) {
                // A registry that refuses a part of a blob may still send the whole.
                Err(FetchError::Refused { .. }) if self.at > 0 => self.session.blob(self.digest, 0)?,
                blob => blob?,
            };
            let mut blob = blob.ok_or_else(|| refused("the registry does not have this blob"))?;
            self.mirrors.extend(blob.mirror.clone());
            self.mirror = blob.mirror;
            if blob.from < self.at {
                // The server sends no parts.
                let skipped = io::copy(&mut blob.body.by_ref().take(self.at), &mut io::sink());
                if skipped.ok() != Some(self.at) {
                    return Err(FetchError::remote(&url, "the server breaks off, and gives no parts"));
                }
            }
            self.body = Some(blob.body);
        }
        self.body.as_mut().ok_or_else(|| FetchError::remote(&url, "the server sends nothing"))
    }

    /// Reads to the end of the server's body, so that its connection can be used again. A failure there does not affect
    /// the bytes that were read.
    fn end(&mut self) -> Result<usize, FetchError> {
        let more = self.body.take().map(|mut body| body.read(&mut [0]));
        let hashed = self.hasher.as_ref().map(|hasher| Digest::from_bytes(hasher.clone().finalize().into()));
        let what = match (more, hashed) {
            (Some(Ok(1)), _) => format!("the server sends more than the {} bytes it should have", self.size),
            (_, Some(found)) if found != self.digest && !self.mirrors.is_empty() => {
                format!("what it sends has the digest {found}")
            }
            _ => return Ok(0),
        };
        for mirror in &self.mirrors {
            let error = FetchError::refused(&mirror.blob(self.digest), &*what);
            self.session.client.is_deceived_by(mirror.origin(), &error);
        }
        Err(FetchError::refused(&self.url(), what))
    }

    /// Makes the next read ask again, unless that was tried too often. The tries for the server after a mirror are
    /// counted anew.
    fn again(&mut self, why: &str, tries: u32) -> Result<(), FetchError> {
        self.body = None;
        if std::mem::take(&mut self.gained) >= ENOUGH {
            self.tries = 0;
        }
        let is_enough = self.tries + tries > TRIES;
        if !is_enough && self.pause(tries) {
            return Ok(());
        }
        let often = if is_enough { ", again and again" } else { "" };
        let error = FetchError::remote(&self.url(), format!("the server {why}{often}; try again later"));
        match self.mirror.take() {
            Some(mirror) => {
                self.session.client.leave_out(mirror.origin(), &error);
                self.tries = 0;
                Ok(())
            }
            None => Err(error),
        }
    }

    /// Waits before the next try, if there is time left.
    fn pause(&mut self, tries: u32) -> bool {
        let pause = PAUSE * (1 << self.tries.min(TRIES));
        self.tries += tries;
        self.pace = Pace::default();
        self.session.client.transport.pause(pause)
    }

    fn url(&self) -> String {
        self.mirror
            .as_ref()
            .map_or_else(|| self.session.blob_url(self.digest), |mirror| mirror.blob(self.digest))
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// The bytes that arrived in a time of waiting.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn is_stalled(&mut self, read: usize, took: Duration) -> bool {
        self.waited += took;
        self.bytes += read as u64;
        if self.waited < STALL.0 {
            return false;
        }
        std::mem::take(self).bytes < STALL.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_now_and_then_is_as_good_as_none() {
        let stalls = |bytes, seconds, times| {
            let mut pace = Pace::default();
            (0..times).any(|_| pace.is_stalled(bytes, Duration::from_secs(seconds)))
        };
        assert!(stalls(1, 1, 30) && stalls(1000, 1, 30));
        assert!(!stalls(1, 1, 29) && !stalls(2000, 1, 300) && !stalls(1, 0, 100_000));
    }
}
