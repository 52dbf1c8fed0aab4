//! The options that limit what a RUN uses, as numbers.

use crate::size::{seconds, size};
use std::time::Duration;

/// Reads a size of memory, which has to be as much as docker asks for.
pub fn memory(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 6 << 20;
    match size(text)? {
        bytes if bytes < LEAST => Err(format!("{text:?} is less than a command needs; give it 6m or more")),
        bytes => Ok(bytes),
    }
}

/// A number of processors, as microseconds in a period of 100000.
pub fn cpus(text: &str) -> Result<(u64, u64), String> {
    const PERIOD: u64 = 100_000;
    let cpus = text.parse::<f64>().ok().filter(|cpus| (0.01..=1e6).contains(cpus));
    let cpus =
        cpus.ok_or_else(|| format!("{text:?} is not a number of processors, such as 1.5, of at least 0.01"))?;
    Ok(((cpus * PERIOD as f64).round() as u64, PERIOD))
}

/// Microseconds, at least the thousand that a kernel asks for.
pub fn microseconds(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1000..=1_000_000_000).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a number of microseconds of at least 1000"))
}

/// A time: seconds, or a number with s, m or h.
pub fn time(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text, &[("s", 1), ("m", 60), ("h", 3600), ("", 1)]);
    seconds
        .filter(|seconds| (1..=1 << 32).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("{text:?} is not a time such as 90, 90s, 5m or 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_enough_memory_to_begin() {
        assert_eq!(memory("6m"), Ok(6 << 20));
        for text in ["0", "1k", "6291455"] {
            let wanted = format!("{text:?} is less than a command needs; give it 6m or more");
            assert_eq!(memory(text).unwrap_err(), wanted);
        }
    }

    #[test]
    fn processors_and_times() {
        assert_eq!(cpus("1.5"), Ok((150_000, 100_000)));
        assert!(["0", "-1", "x", "", "nan", "inf"].iter().all(|bad| cpus(bad).is_err()));
        assert_eq!([time("90"), time("90s"), time("2m")].map(|time| time.unwrap().as_secs()), [90, 90, 120]);
        assert_eq!(time("1h"), Ok(Duration::from_secs(3600)));
        assert!(["0", "1d", "m", "", "-1", "99999999999h"].iter().all(|bad| time(bad).is_err()));
        assert!(microseconds("999").is_err() && microseconds("1000") == Ok(1000));
    }
}
