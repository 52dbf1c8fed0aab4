//! The body of a request: bytes that can be opened again, because a request may have to be repeated.

use std::fmt;
use std::io::{self, Read};

/// This many bytes are sent before a refusal can close the connection, so asking first would only cost time.
const SMALL: u64 = 64 << 10;

/// Opens the bytes to send at their beginning.
pub type Open<'a> = dyn Fn() -> io::Result<Box<dyn Read>> + Sync + 'a;

/// The body of a request.
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    /// Its media type.
    pub media_type: &'a str,
    /// The number of bytes.
    pub size: u64,
    /// The position of the bytes in a longer blob, as the value of Content-Range.
    pub range: Option<&'a str>,
    /// Opens them.
    pub open: &'a Open<'a>,
}

impl Payload<'_> {
    /// Whether the server is asked to say that it wants them, before they are sent (Expect: 100-continue). A server
    /// that refuses a long body mostly closes the connection, and its answer is lost.
    pub(crate) fn is_announced(&self) -> bool {
        self.size > SMALL
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.size, self.media_type)
    }
}

/// A reader that keeps its error, because the error of the connection does not show where it came from.
pub(crate) struct Sent {
    pub input: Box<dyn Read>,
    pub error: Option<io::Error>,
}

impl Read for Sent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer).map_err(|error| {
            let kind = error.kind();
            self.error = Some(error);
            kind.into()
        })
    }
}
