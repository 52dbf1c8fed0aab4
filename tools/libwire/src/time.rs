//! Points in time in the spelling of images: RFC 3339 in UTC.

/// The last second that has a text form: 9999-12-31T23:59:59Z.
pub const LAST_SECOND: i64 = 253_402_300_799;

/// A Unix time in milliseconds as text, with a fraction only if it needs one. A time outside the years 1 to 9999
/// becomes the first or the last of them.
pub fn rfc3339(ms: i64) -> String {
    const FIRST_SECOND: i64 = -62_135_596_800;
    let ms = ms.clamp(FIRST_SECOND * 1000, LAST_SECOND * 1000 + 999);
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (seconds, millis) = (in_day / 1000, in_day % 1000);
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// The time in an image, for comparing: its second since 1970, and the nanoseconds after that.
pub fn instant(text: &str) -> Option<(i64, u32)> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (time, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let offset = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, zone) => {
            let [hours, minutes] = numbers(zone, ':')?;
            (hours * 60 + minutes) * if sign == "-" { -60 } else { 60 }
        }
    };
    let is_date = year <= 9999 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date || hour > 24 || minute > 60 || second > 60 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9.9}").parse().ok()?;
    Some((days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset, nanoseconds))
}

fn numbers<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let number = |part: &str| part.parse::<u16>().ok().map(i64::from);
    text.split(between).map(number).collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// The days from 1970-01-01 to a date, counted as in [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day since 1970-01-01. Years begin in March, so that the leap day is their last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{instant, rfc3339};

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
            (-1000, "1969-12-31T23:59:59Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
            let (seconds, nanoseconds) = instant(text).unwrap();
            assert_eq!(rfc3339(seconds * 1000 + i64::from(nanoseconds / 1_000_000)), text);
        }
    }

    #[test]
    fn times_are_compared_whatever_their_zone_and_fraction() {
        let [noon, later, same] =
            ["2020-01-01T12:00:00Z", "2020-01-01T12:00:00.000000001Z", "2020-01-01T13:30:00.0+01:30"]
                .map(|text| instant(text).unwrap());
        assert!(noon < later && noon == same);
        for text in [
            "",
            "2020",
            "2020-01-01",
            "2020-01-01T12:00:00",
            "2020-13-01T12:00:00Z",
            "2020-01-01T12:00:00.xZ",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
