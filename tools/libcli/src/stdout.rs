//! Buffered standard output, whose last write is checked.

use crate::failure::Failure;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;

/// Standard output as a sink. If it is dropped without [`Stdout::finish`], buffered bytes may be lost, because a tool
/// that fails half-way writes nothing more.
pub struct Stdout {
    out: BufWriter<File>,
}

impl Stdout {
    /// Takes a duplicate of file descriptor 1.
    pub fn open() -> io::Result<Self> {
        let fd = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self { out: BufWriter::with_capacity(1 << 16, File::from(fd)) })
    }

    /// As [`Stdout::open`], for data that a terminal can't show. A terminal is an error.
    pub fn open_for_tar() -> Result<Self, Failure> {
        match io::stdout().is_terminal() {
            true => Err(Failure::usage(
                "standard output is a terminal, which a tar is not for; write it to a file or a pipe",
            )),
            false => Ok(Self::open()?),
        }
    }

    /// Flushes. A full disk or a closed pipe is a failure.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::from(error),
            _ => Failure::failed("standard output", error),
        })
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
