//! Times for people, and the marks of an axis.

/// The distances between marks that people can count in, in milliseconds.
const STEPS: [u64; 28] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    14_400_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
];

/// At most ten marks from 0 to `total`.
pub(crate) fn marks(total: u64) -> Vec<u64> {
    let fits = |step: u64| total / step < 10;
    let mut step = STEPS.into_iter().find(|&step| fits(step)).unwrap_or(STEPS[STEPS.len() - 1]);
    while !fits(step) {
        step = step.saturating_mul(2);
    }
    (0..=total / step).map(|mark| mark * step).collect()
}

/// A length of time, to three digits or so.
pub(crate) fn words(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match seconds {
        0 => format!("{ms} ms"),
        1..10 => format!("{seconds}.{:02} s", ms % 1000 / 10),
        10..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{minutes} min {:02} s", seconds % 60),
        3600..86_400 => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours:02} h"),
    }
}

/// The name of a mark on an axis up to `total`: [`words`] without parts that are zero.
pub(crate) fn mark(ms: u64, total: u64) -> String {
    let text = if ms < 1000 && total >= 1000 { format!("0.{:02} s", ms / 10) } else { words(ms) };
    match text
        .strip_suffix(" 00 s")
        .or_else(|| text.strip_suffix(" 00 min"))
        .or_else(|| text.strip_suffix(" 00 h"))
    {
        Some(short) => short.to_owned(),
        None if ms == 0 => "0".into(),
        None if text.contains('.') => {
            let number = text.trim_end_matches(" s").trim_end_matches('0').trim_end_matches('.');
            format!("{number} s")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_few_and_even_and_within() {
        for total in [0, 1, 9, 40, 999, 12_345, 3_599_999, 86_400_000 * 400, u64::MAX] {
            let marks = marks(total);
            assert!((1..=10).contains(&marks.len()), "{total}: {marks:?}");
            assert!(marks.last() <= Some(&total) && marks[0] == 0);
            assert!(total < 10 || marks.len() >= 4, "{total}: {marks:?}");
        }
        assert_eq!(marks(4_200), [0, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000]);
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let said = |ms| (words(ms), mark(ms, ms));
        assert_eq!(mark(500, 4000), "0.5 s");
        for (ms, word, name) in [
            (0, "0 ms", "0"),
            (42, "42 ms", "42 ms"),
            (1_500, "1.50 s", "1.5 s"),
            (12_000, "12.0 s", "12 s"),
            (120_000, "2 min 00 s", "2 min"),
            (125_999, "2 min 05 s", "2 min 05 s"),
            (7_200_000, "2 h 00 min", "2 h"),
            (90_000_000, "1 d 01 h", "1 d 01 h"),
            (u64::MAX, "213503982334 d 14 h", "213503982334 d 14 h"),
        ] {
            assert_eq!(said(ms), (word.to_owned(), name.to_owned()));
        }
    }
}
