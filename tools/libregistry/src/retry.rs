//! Doing something again that failed and may work later: after a pause that gets longer, and differs between those who
//! failed at the same time.

use libhttp::FetchError;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How often one thing is tried.
const TRIES: u32 = 4;

/// What came of one attempt.
pub(crate) enum Attempt<T> {
    Done(T),
    /// It failed in a way that may not last.
    Again(FetchError),
    /// It is done in another way at once.
    Now,
}

/// Tries until it is done, or has failed too often.
pub(crate) fn retry<T>(mut attempt: impl FnMut() -> Result<Attempt<T>, FetchError>) -> Result<T, FetchError> {
    let mut tried = 0;
    loop {
        let error = match attempt() {
            Ok(Attempt::Done(value)) => return Ok(value),
            Ok(Attempt::Now) => continue,
            Ok(Attempt::Again(error)) => error,
            Err(error) if error.is_passing() => error,
            Err(error) => return Err(error),
        };
        tried += 1;
        if tried >= TRIES {
            return Err(error);
        }
        std::thread::sleep(pause(tried));
    }
}

/// A second and three times as long each time, give or take a half.
fn pause(tried: u32) -> Duration {
    let share = RandomState::new().hash_one(tried) % 1000;
    Duration::from_millis((500 + share) * 3u64.pow(tried - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_gets_longer_and_is_not_everybodys() {
        for (tried, range) in [(1, 500..1500), (2, 1500..4500), (3, 4500..13500)] {
            let pauses: Vec<u128> = (0..20).map(|_| pause(tried).as_millis()).collect();
            assert!(pauses.iter().all(|pause| range.contains(pause)), "{pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
        }
    }

    #[test]
    fn what_will_not_work_later_is_tried_once() {
        let mut tried = 0;
        let failed = retry(|| -> Result<Attempt<()>, _> {
            tried += 1;
            Err(FetchError::refused("http://h/", "no"))
        });
        assert!(failed.is_err() && tried == 1);
    }
}
