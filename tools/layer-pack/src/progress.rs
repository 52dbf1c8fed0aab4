//! Reports the progress of packing now and then, so that a user who waits for a large layer knows that it goes on.

use libcli::{human, is_watched, sanitise, tell};
use libwire::progress::{Transfer, Way};
use std::time::{Duration, Instant};

/// The time from one line to the next, and from the start to the first.
const SELDOM: Duration = Duration::from_secs(5);
/// The same for records.
const OFTEN: Duration = Duration::from_millis(200);

/// The progress of a layer.
pub(crate) struct Progress {
    say: Option<fn(&str)>,
    snapshot: String,
    pause: Duration,
    last: Instant,
    /// How many bytes of files are packed.
    bytes: u64,
    is_told: bool,
}

impl Progress {
    /// That of the layer of `snapshot`: by records to whoever shows the build, else by lines that `say` gets.
    pub(crate) fn new(say: Option<fn(&str)>, snapshot: String) -> Self {
        let pause = if is_watched() { OFTEN } else { SELDOM };
        Self { say, snapshot, pause, last: Instant::now(), bytes: 0, is_told: false }
    }

    /// Adds `more` bytes of the file at `path`, of which `left` bytes remain.
    pub(crate) fn note(&mut self, more: u64, left: u64, path: &[u8]) {
        self.bytes += more;
        let Some(say) = self.say.filter(|_| self.last.elapsed() >= self.pause) else { return };
        self.last = Instant::now();
        self.is_told = self.tell(false);
        if !self.is_told {
            self.pause = SELDOM;
            let path = sanitise(&String::from_utf8_lossy(path));
            say(&format!("{} packed; of {path} {} are left", human(self.bytes), human(left)));
        }
    }

    fn tell(&self, done: bool) -> bool {
        let (name, bytes) = (self.snapshot.clone(), self.bytes);
        tell(&libwire::Progress::Transfer(Transfer { what: Way::Pack, name, bytes, total: None, done }))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_told {
            self.tell(true);
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
        let say: fn(&str) = |what| TOLD.lock().unwrap().push(what.to_owned());
        let mut progress = Progress::new(Some(say), String::new());
        progress.note(1_000_000_000, 9_000_000_000, b"quick");
        assert!(TOLD.lock().unwrap().is_empty());
        progress.last = Instant::now() - SELDOM;
        progress.note(1_000_000_000, 8_000_000_000, b"sl\x1bow");
        progress.note(1, 1, b"again");
        assert_eq!(*TOLD.lock().unwrap(), ["2.0 GB packed; of sl?ow 8.0 GB are left"]);
    }
}
