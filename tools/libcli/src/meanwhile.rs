//! Shows the progress of a transfer: on a terminal in a line that changes, elsewhere in a line from time to time.

use crate::progress::{is_watched, tell};
use crate::say;
use libwire::Progress;
use libwire::progress::Transfer;
use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The time between two lines.
const SELDOM: Duration = Duration::from_secs(10);
/// The time between two states of a terminal's line.
const OFTEN: Duration = Duration::from_millis(200);
/// Goes back to the start of a terminal's line and clears it.
const CLEAR: &str = "\r\u{1b}[K";

/// Runs `job`, and meanwhile reports the progress of `transfer`: by records to the view of the build, or else by a
/// `line` on standard error. `None` prints no line yet.
pub fn meanwhile<T>(
    transfer: impl Fn() -> Option<Transfer> + Send,
    line: impl Fn(&Transfer) -> String + Send,
    job: impl FnOnce() -> T,
) -> T {
    let live = stderr().is_terminal();
    thread::scope(|scope| {
        let (going_on, ended) = channel::<()>();
        scope.spawn(move || {
            let pause = if live || is_watched() { OFTEN } else { SELDOM };
            let (mut told, mut shown) = (false, false);
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let Some(transfer) = transfer() else { continue };
                told = tell(&Progress::Transfer(transfer.clone()));
                shown |= !told;
                match live {
                    _ if told => {}
                    true => say(&format!("{CLEAR}{}", line(&transfer))),
                    false => say(&format!("{}\n", line(&transfer))),
                }
            }
            if shown && live {
                say(CLEAR);
            }
            if let Some(transfer) = transfer().filter(|_| told) {
                tell(&Progress::Transfer(Transfer { done: true, ..transfer }));
            }
        });
        // It is dropped however the job ends, and then the thread ends.
        let _going_on = going_on;
        job()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use libwire::progress::Way;
    use std::time::Instant;

    #[test]
    fn the_job_is_not_held_up() {
        let began = Instant::now();
        let transfer =
            || Some(Transfer { what: Way::Pull, name: "x".into(), bytes: 1, total: None, done: false });
        assert_eq!(meanwhile(transfer, |_| "far".to_owned(), || 7), 7);
        assert!(began.elapsed() < SELDOM / 2);
    }
}
