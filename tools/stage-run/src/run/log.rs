//! The log of a command: what it printed, as far as a limit allows.

use std::fs::File;
use std::io::{self, Write};

/// A log that is being written. If it can't be, or has no more room, what comes is only counted.
pub struct Log {
    file: File,
    room: u64,
    clipped: u64,
    lost: Option<io::Error>,
}

impl Log {
    /// A log of any length.
    pub fn new(file: File) -> Self {
        Self { file, room: u64::MAX, clipped: 0, lost: None }
    }

    /// The same, of `max` bytes at most.
    #[must_use]
    pub fn of_at_most(self, max: u64) -> Self {
        Self { room: max, ..self }
    }

    /// Takes some bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(usize::try_from(self.room).unwrap_or(usize::MAX));
        self.room -= kept as u64;
        self.clipped += (bytes.len() - kept) as u64;
        if self.lost.is_none() {
            self.lost = self.file.write_all(&bytes[..kept]).err();
        }
    }

    /// How many bytes there was no room for.
    pub fn clipped(&self) -> u64 {
        self.clipped
    }

    /// Says at the end what is not there. Gives the reason if some could not be written.
    pub fn finish(mut self) -> Option<io::Error> {
        if self.clipped > 0 && self.lost.is_none() {
            self.lost = writeln!(self.file, "\n[{} more bytes were printed]", self.clipped).err();
        }
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_what_there_is_room_for_and_says_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        for (max, wanted) in [
            (9, "abcdef"),
            (6, "abcdef"),
            (4, "abcd\n[2 more bytes were printed]\n"),
            (0, "\n[6 more bytes were printed]\n"),
        ] {
            let path = dir.path().join("log");
            let mut log = Log::new(File::create(&path).unwrap()).of_at_most(max);
            log.write(b"abc");
            log.write(b"def");
            assert_eq!(log.clipped(), 6_u64.saturating_sub(max));
            assert!(log.finish().is_none());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted, "{max}");
        }
    }
}
