//! Shows the progress of a pull, and its size and time at the end.

use libcli::{human, meanwhile, say};
use libwire::Reference;
use libwire::progress::{Transfer, Way};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The bytes that have arrived.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Counts bytes that have arrived.
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `job`, which pulls `size` bytes, and shows its progress if `shown` is set. A job without bytes is not shown.
pub fn watched<T, E>(
    name: &Reference,
    size: u64,
    shown: bool,
    job: impl FnOnce(&Count) -> Result<T, E>,
) -> Result<T, E> {
    let (count, begun) = (Count::default(), Instant::now());
    if !shown || size == 0 {
        return job(&count);
    }
    let transfer = || {
        let name = name.familiar();
        Some(Transfer { what: Way::Pull, name, bytes: count.get(), total: Some(size), done: false })
    };
    let line =
        |far: &Transfer| format!("image-pull: {}: {}", far.name, so_far(far.bytes, size, begun.elapsed()));
    let done = meanwhile(transfer, line, || job(&count));
    if done.is_ok() {
        say(&format!("image-pull: {}: {}\n", name.familiar(), in_all(count.get(), begun.elapsed())));
    }
    done
}

fn so_far(bytes: u64, size: u64, took: Duration) -> String {
    format!("{} of {}{}", human(bytes), human(size), rate(bytes, took, ", "))
}

fn in_all(bytes: u64, took: Duration) -> String {
    format!("{} in {:.1} s{}", human(bytes), took.as_secs_f64(), rate(bytes, took, ", "))
}

/// Bytes a second, if the time is long enough to tell.
fn rate(bytes: u64, took: Duration, before: &str) -> String {
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match bytes.saturating_mul(1000).checked_div(milliseconds) {
        Some(rate) if bytes > 0 => format!("{before}{}/s", human(rate)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_rate_are_said() {
        let seconds = Duration::from_secs(2);
        assert_eq!(so_far(20_000_000, 50_000_000, seconds), "20.0 MB of 50.0 MB, 10.0 MB/s");
        assert_eq!(so_far(0, 50_000_000, seconds), "0 B of 50.0 MB");
        assert_eq!(in_all(50_000_000, seconds), "50.0 MB in 2.0 s, 25.0 MB/s");
        assert_eq!(in_all(5, Duration::ZERO), "5 B in 0.0 s");
    }
}
