//! Says how far something is while it goes on: on a terminal in a line that changes, else in a line now and then.

use crate::say;
use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// From one line to the next.
const SELDOM: Duration = Duration::from_secs(10);
/// From one state of a terminal's line to the next.
const OFTEN: Duration = Duration::from_millis(200);
/// Goes back to the start of a terminal's line and clears it.
const CLEAR: &str = "\r\u{1b}[K";

/// Does `job`, and writes what `line` gives meanwhile to standard error. `None` says nothing yet.
pub fn meanwhile<T>(line: impl Fn() -> Option<String> + Send, job: impl FnOnce() -> T) -> T {
    let live = stderr().is_terminal();
    thread::scope(|scope| {
        let (going_on, ended) = channel::<()>();
        scope.spawn(move || {
            let mut shown = false;
            while ended.recv_timeout(if live { OFTEN } else { SELDOM }) == Err(RecvTimeoutError::Timeout) {
                let Some(line) = line() else { continue };
                shown = true;
                match live {
                    true => say(&format!("{CLEAR}{line}")),
                    false => say(&format!("{line}\n")),
                }
            }
            if shown && live {
                say(CLEAR);
            }
        });
        // It is dropped however the job ends, and the thread ends then.
        let _going_on = going_on;
        job()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_job_is_not_held_up() {
        let began = Instant::now();
        assert_eq!(meanwhile(|| Some("far".to_owned()), || 7), 7);
        assert!(began.elapsed() < SELDOM / 2);
    }
}
