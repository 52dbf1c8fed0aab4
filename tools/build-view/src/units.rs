//! Times and bars, in few columns.

use std::time::Duration;

/// How long a step took: `0.3s`, `12.4s`, `2m 05s`, `1h 02m`.
pub fn took(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{}.{}s", time.as_secs(), time.subsec_millis() / 100),
        _ => elapsed(time),
    }
}

/// How long something has been going on, in whole seconds.
pub fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A bar of `width` columns, of which `part` of `whole` are filled.
pub fn bar(part: u64, whole: u64, width: usize) -> String {
    let filled = u128::from(part.min(whole)) * width as u128 / u128::from(whole.max(1));
    let filled = usize::try_from(filled).unwrap_or(width);
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (millis, step, live) in [
            (0, "0.0s", "0s"),
            (340, "0.3s", "0s"),
            (12_499, "12.4s", "12s"),
            (59_999, "59.9s", "59s"),
            (125_000, "2m 05s", "2m 05s"),
            (3_725_000, "1h 02m", "1h 02m"),
        ] {
            let time = Duration::from_millis(millis);
            assert_eq!((took(time), elapsed(time)), (step.to_owned(), live.to_owned()));
        }
    }

    #[test]
    fn a_bar_has_its_width_whatever_the_numbers() {
        assert_eq!(bar(1, 2, 4), "██░░");
        for (part, whole) in [(0, 0), (5, 0), (9, 3), (u64::MAX, u64::MAX), (0, u64::MAX)] {
            assert_eq!(bar(part, whole, 10).chars().count(), 10);
        }
    }
}
