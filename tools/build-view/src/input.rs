//! Reads records from a pipe into which many write. Lines that are no records are skipped.

use libwire::Progress;
use libwire::progress::MAX_LINE;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

/// As much as a pipe holds.
const BUFFER: usize = 1 << 16;

pub struct Input {
    stream: File,
    /// The beginning of a line whose rest is still to come.
    rest: Vec<u8>,
}

impl Input {
    /// Reads from `stream`.
    pub fn new(stream: File) -> Self {
        Self { stream, rest: Vec::new() }
    }

    /// The pipe that it reads.
    pub fn stream(&self) -> &File {
        &self.stream
    }

    /// The records that are there, waited for if there is none; `None` at the end.
    pub fn records(&mut self) -> io::Result<Option<Vec<Progress>>> {
        let mut buffer = vec![0; BUFFER];
        let read = match self.stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Some(Vec::new())),
            read => read?,
        };
        Ok((read > 0).then(|| self.split(&buffer[..read])))
    }

    /// The records that end in `bytes`.
    fn split(&mut self, bytes: &[u8]) -> Vec<Progress> {
        self.rest.extend_from_slice(bytes);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        if self.rest.len() > MAX_LINE {
            self.rest.clear();
        }
        whole.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_however_they_arrive() {
        let text = b"{\"type\":\"end\",\"status\":1}\nrubbish\n{\"type\":\"new\"}\n{\"type\":\"end\",\"status\":2}\n{";
        let wanted = [Progress::End { status: 1 }, Progress::End { status: 2 }];
        for size in [1, 2, 7, text.len()] {
            let mut input = Input::new(File::open("/dev/null").unwrap());
            let found: Vec<_> = text.chunks(size).flat_map(|part| input.split(part)).collect();
            assert_eq!(found, wanted);
        }
        let mut input = Input::new(File::open("/dev/null").unwrap());
        assert!(input.records().unwrap().is_none());
        assert!(input.split(&[b'x'; 10_000]).is_empty() && input.rest.is_empty());
    }
}
