//! Reports the progress of packing now and then, so that a user who waits for a large layer knows that it goes on.

use libcli::{human, sanitise};
use std::time::{Duration, Instant};

/// The time from one line to the next, and from the start to the first.
const PAUSE: Duration = Duration::from_secs(5);

/// The progress of a layer.
pub(crate) struct Progress {
    tell: Option<fn(&str)>,
    last: Instant,
    /// How many bytes of files are packed.
    bytes: u64,
}

impl Progress {
    pub(crate) fn new(tell: Option<fn(&str)>) -> Self {
        Self { tell, last: Instant::now(), bytes: 0 }
    }

    /// Adds `more` bytes of the file at `path`, of which `left` bytes remain.
    pub(crate) fn note(&mut self, more: u64, left: u64, path: &[u8]) {
        self.bytes += more;
        if let Some(tell) = self.tell.filter(|_| self.last.elapsed() >= PAUSE) {
            self.last = Instant::now();
            let path = sanitise(&String::from_utf8_lossy(path));
            tell(&format!("{} packed; of {path} {} are left", human(self.bytes), human(left)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn it_says_how_far_it_is_after_the_pause_and_not_before() {
        let mut progress = Progress::new(Some(|what| TOLD.lock().unwrap().push(what.to_owned())));
        progress.note(1_000_000_000, 9_000_000_000, b"quick");
        assert!(TOLD.lock().unwrap().is_empty());
        progress.last = Instant::now() - PAUSE;
        progress.note(1_000_000_000, 8_000_000_000, b"sl\x1bow");
        progress.note(1, 1, b"again");
        assert_eq!(*TOLD.lock().unwrap(), ["2.0 GB packed; of sl?ow 8.0 GB are left"]);
    }
}
