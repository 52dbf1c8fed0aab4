//! A reader that computes the digest of the bytes that are read through it.

use libwire::Digest;
use sha2::{Digest as _, Sha256};
use std::io::{self, BufRead, Read};

/// An input, and the hash of the bytes that were taken from it.
pub struct Hashed<R> {
    input: R,
    hash: Sha256,
}

impl<R: BufRead> Hashed<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input, hash: Sha256::new() }
    }

    /// The digest of all that was read.
    pub fn digest(self) -> Digest {
        Digest::from_bytes(self.hash.finalize().into())
    }
}

impl<R: BufRead> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.hash.update(&into[..read]);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // The buffer still has what fill_buf gave before, so this reads nothing.
        if let Ok(buffer) = self.input.fill_buf() {
            self.hash.update(&buffer[..amount]);
        }
        self.input.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_all_bytes_however_they_are_read() {
        let text = b"one\ntwo\nthree";
        let mut hashed = Hashed::new(io::BufReader::with_capacity(3, &text[..]));
        let mut line = String::new();
        hashed.read_line(&mut line).unwrap();
        hashed.read_exact(&mut [0; 2]).unwrap();
        while !hashed.fill_buf().unwrap().is_empty() {
            hashed.consume(1);
        }
        assert_eq!(hashed.digest(), Digest::of(text));
    }
}
