//! How far the uploads are: counted by those who send, said now and then.

use libcli::{human, meanwhile};
use libwire::progress::{Transfer, Way};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes that were sent, and whether everything is to end.
#[derive(Debug, Default)]
pub struct Count {
    sent: AtomicU64,
    ended: AtomicBool,
}

impl Count {
    /// Bytes so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Has what is being sent end.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// A reader that counts, and ends when all is to end.
pub struct Counted<R> {
    /// The reader of the bytes.
    pub input: R,
    /// The counter of the bytes.
    pub count: std::sync::Arc<Count>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.count.has_ended() {
            return Err(io::Error::other("another part of the image failed"));
        }
        let read = self.input.read(buffer)?;
        self.count.sent.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Does `job`, which sends at most `total` bytes, and says meanwhile how far `count` is, if that is to be `shown`.
pub fn watched<T>(name: &str, total: u64, shown: bool, count: &Count, job: impl FnOnce() -> T) -> T {
    if !shown {
        return job();
    }
    let began = Instant::now();
    let transfer = || {
        let bytes = Some(count.sent()).filter(|sent| *sent > 0)?;
        Some(Transfer { what: Way::Push, name: name.to_owned(), bytes, total: Some(total), done: false })
    };
    meanwhile(transfer, |transfer| line(name, transfer.bytes, began.elapsed()), job)
}

fn line(name: &str, sent: u64, time: Duration) -> String {
    let rate = (sent as f64 / time.as_secs_f64().max(0.001)) as u64;
    format!("image-push: {name}: {} sent, {} a second", human(sent), human(rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_read_is_counted_until_it_is_to_end() {
        let count = Arc::new(Count::default());
        let mut input = Counted { input: &b"abcdef"[..], count: Arc::clone(&count) };
        assert_eq!(input.read(&mut [0; 4]).unwrap(), 4);
        count.end();
        assert!(input.read(&mut [0; 4]).is_err());
        assert_eq!(count.sent(), 4);
        assert_eq!(
            line("r/a", 5_000_000, Duration::from_secs(2)),
            "image-push: r/a: 5.0 MB sent, 2.5 MB a second"
        );
    }
}
