//! The way of a layer's bytes: hashed, compressed, hashed again, and written to the blob.

use crate::gzip::ParallelGzip;
use libtree::holes::is_zero;
use libwire::{Compression, Digest};
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};

/// How many bytes one zstd worker compresses at a time. It affects the output's bytes: never change it lightly.
const ZSTD_JOB: u32 = 2 << 20;

/// Reads a layer's tar and writes its compressed form to `W`.
pub struct Sink<W: Write> {
    /// `None` without compression, when the blob's digest is the diff ID.
    hasher: Option<Sha256>,
    encoder: Encoder<W>,
}

enum Encoder<W: Write> {
    Gzip(ParallelGzip<W>),
    Zstd(Box<zstd::Encoder<'static, W>>),
    None(W),
}

impl<W: Write> Sink<W> {
    /// Compresses in `threads` threads, whose number does not change the bytes.
    pub fn new(output: W, compression: Compression, level: u32, threads: usize) -> io::Result<Self> {
        let encoder = match compression {
            Compression::Gzip => Encoder::Gzip(ParallelGzip::new(output, level, threads)?),
            Compression::Zstd => {
                let level = i32::try_from(level).map_err(io::Error::other)?;
                let mut encoder = zstd::Encoder::new(output, level)?;
                // Zero workers would give other bytes than any positive number.
                encoder.multithread(u32::try_from(threads.max(1)).map_err(io::Error::other)?)?;
                // Each worker holds a job, and twice as much output. The default job of four windows would take more
                // memory than a layer packer should.
                encoder.set_parameter(zstd::zstd_safe::CParameter::JobSize(ZSTD_JOB))?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(Box::new(encoder))
            }
            Compression::None => Encoder::None(output),
        };
        let hasher = (compression != Compression::None).then(Sha256::new);
        Ok(Self { hasher, encoder })
    }

    /// Ends the compressed stream. Returns the output and the diff ID, the digest of the uncompressed bytes, unless
    /// that is the output's own digest.
    pub fn finish(self) -> io::Result<(W, Option<Digest>)> {
        let output = match self.encoder {
            Encoder::Gzip(encoder) => encoder.finish()?,
            Encoder::Zstd(encoder) => encoder.finish()?,
            Encoder::None(output) => output,
        };
        Ok((output, self.hasher.map(|hasher| Digest::from_bytes(hasher.finalize().into()))))
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = match &mut self.encoder {
            Encoder::Gzip(encoder) if is_zero(bytes) => encoder.zeros(bytes.len())?,
            Encoder::Gzip(encoder) => encoder.write(bytes)?,
            Encoder::Zstd(encoder) => encoder.write(bytes)?,
            Encoder::None(output) => output.write(bytes)?,
        };
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes[..n]);
        }
        Ok(n)
    }

    /// Does nothing: a flush in the middle would change the compressed bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
