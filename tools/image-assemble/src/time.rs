//! Unix time as RFC 3339 text, in UTC.

const DAY: i64 = 86_400;
/// 9999-12-31T23:59:59Z; the text form goes no further.
const LAST: i64 = 253_402_300_799;
/// 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200;

/// `1970-01-01T00:00:00Z` for 0; `None` outside the years 0 to 9999.
pub(crate) fn rfc3339(seconds: i64) -> Option<String> {
    if !(FIRST..=LAST).contains(&seconds) {
        return None;
    }
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// The Gregorian date of a day counted from 1970-01-01. Years are taken to begin in March, so that the leap
/// day is a year's last.
fn date(days: i64) -> (i64, i64, i64) {
    const FOUR_CENTURIES: i64 = 146_097;
    let days = days + 719_468;
    let cycle = days.div_euclid(FOUR_CENTURIES);
    let day = days.rem_euclid(FOUR_CENTURIES);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (cycle * 400 + year + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_date_1() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (LAST, "9999-12-31T23:59:59Z"),
            (FIRST, "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds).unwrap(), text);
        }
        assert_eq!(rfc3339(LAST + 1), None);
    }
}
