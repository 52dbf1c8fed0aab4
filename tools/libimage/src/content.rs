//! Notes about a file's content, made while it is read. The content itself is kept only on request.

use std::io::{self, Read, Write};

/// The start of a BLAKE3 hash, long enough to distinguish contents that were not made to collide.
pub type Content = [u8; 16];

/// Notes on a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// The hash of the content.
    pub content: Content,
    /// Whether it begins like a program that a kernel starts: ELF, or `#!`.
    pub program: bool,
}

/// Reads a whole content, and copies it to `text` if that is given.
pub fn note(mut body: impl Read, text: Option<&mut Vec<u8>>) -> io::Result<Noted> {
    let mut notes = Notes::default();
    match text {
        Some(text) => {
            body.read_to_end(text)?;
            notes.write_all(text)?;
        }
        None => drop(io::copy(&mut body, &mut notes)?),
    }
    let start = &notes.start[..notes.len];
    Ok(Noted { content: short(&notes.hasher), program: start == b"\x7fELF" || start.starts_with(b"#!") })
}

/// The start of a hash.
pub fn short(hasher: &blake3::Hasher) -> Content {
    let mut content = Content::default();
    content.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    content
}

/// Takes a content, and keeps its first bytes.
#[derive(Default)]
struct Notes {
    hasher: blake3::Hasher,
    start: [u8; 4],
    /// How many bytes are kept.
    len: usize,
}

impl Write for Notes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let more = bytes.len().min(self.start.len() - self.len);
        self.start[self.len..self.len + more].copy_from_slice(&bytes[..more]);
        self.len += more;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn programs_are_known_by_their_start_however_it_is_read() {
        for (bytes, program) in [
            (&b"\x7fELF\x02\x01"[..], true),
            (b"\x7fELF", true),
            (b"#!/bin/sh\n", true),
            (b"#!", true),
            (b"\x7fEL", false),
            (b"# !", false),
            (b"text", false),
            (b"", false),
        ] {
            let mut text = Vec::new();
            let kept = note(bytes, Some(&mut text)).unwrap();
            assert_eq!((kept.program, &text[..]), (program, bytes));
            assert_eq!(note(Slow(bytes), None).unwrap(), kept);
            assert_eq!(kept.content, blake3::hash(bytes).as_bytes()[..16]);
        }
    }
}
