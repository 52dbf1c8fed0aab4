//! How far the uploads are: counted by those who send, said now and then.

use libcli::human;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is said, where lines stay and where one is written over the other.
const SELDOM: Duration = Duration::from_secs(10);
const OFTEN: Duration = Duration::from_millis(200);

/// How it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Not at all.
    Quiet,
    /// A line now and then.
    Lines,
    /// A line that changes, on a terminal.
    Live,
}

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

/// Does `job`, and says meanwhile how far `count` is.
pub fn watched<T>(name: &str, manner: Manner, count: &Count, job: impl FnOnce() -> T) -> T {
    if manner == Manner::Quiet {
        return job();
    }
    thread::scope(|scope| {
        let (done, ends) = channel();
        scope.spawn(move || {
            let (began, pause) = (Instant::now(), if manner == Manner::Live { OFTEN } else { SELDOM });
            let mut shown = false;
            while ends.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let sent = count.sent();
                if sent > 0 {
                    say(manner, &line(name, sent, began.elapsed()));
                    shown = true;
                }
            }
            if shown && manner == Manner::Live {
                libcli::say("\r\x1b[K");
            }
        });
        // However the job ends, the other one does then.
        let _done: Sender<()> = done;
        job()
    })
}

fn line(name: &str, sent: u64, time: Duration) -> String {
    let rate = (sent as f64 / time.as_secs_f64().max(0.001)) as u64;
    format!("image-push: {name}: {} sent, {} a second", human(sent), human(rate))
}

fn say(manner: Manner, line: &str) {
    match manner {
        Manner::Live => libcli::say(&format!("\r\x1b[K{line}")),
        _ => libcli::say(&format!("{line}\n")),
    }
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

    #[test]
    fn who_is_watched_is_not_held_up() {
        let began = Instant::now();
        assert_eq!(watched("x", Manner::Lines, &Count::default(), || 7), 7);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
