//! Reads and prints sizes in bytes.

/// Reads a number of bytes as docker's options do, with powers of 1024 for all units: `64m`, `1.5G`, `512kB`.
pub fn size(text: &str) -> Result<u64, String> {
    parsed(text, 1024).unwrap_or_else(|| Err(format!("{text:?} is not a size such as 64m")))
}

/// Reads a number with one of `units`, each with its seconds. `None` if the text is no such time, or is too long a one.
pub fn seconds(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    units
        .iter()
        .find_map(|(unit, seconds)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*seconds))
}

/// Reads a number of bytes with units that are powers of 1000, or of 1024 with an i: `20MB`, `1.5 GiB`.
pub fn decimal_size(text: &str) -> Result<u64, String> {
    let none = || Err(format!("{text:?} is no size; write it as 20000000, 20MB or 20MiB"));
    parsed(text, 1000).unwrap_or_else(none)
}

/// A size whose units are powers of `base`, unless they have an i. `None` if the text is no size at all.
fn parsed(text: &str, base: u64) -> Option<Result<u64, String>> {
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let unit = unit.trim();
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let (letter, base) = match unit.strip_suffix('i') {
        Some(letter) if !letter.is_empty() => (letter, 1024),
        _ => (unit, base),
    };
    let power = ["", "k", "m", "g", "t"].iter().position(|known| *known == letter)?;
    let bytes = Decimal::parse(number)?.times(base.pow(power as u32));
    Some(bytes.ok_or_else(|| format!("{text:?} is too large")))
}

/// A number that may have a fraction.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    whole: u64,
    billionths: u64,
}

impl Decimal {
    /// `None` if it is none. Digits after the ninth are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        Some(Self { whole: whole.parse().ok()?, billionths: format!("{fraction:0<9.9}").parse().ok()? })
    }

    /// The number times `by`, rounded down; `None` if that is too large.
    pub fn times(self, by: u64) -> Option<u64> {
        let fraction = u128::from(self.billionths) * u128::from(by) / 1_000_000_000;
        self.whole.checked_mul(by)?.checked_add(fraction as u64)
    }
}

/// Bytes in a suitable unit, with one digit after the point: 1.4 MB.
pub fn human(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "B";
    for next in units {
        if tenths < 10_000 {
            break;
        }
        (tenths, unit) = ((tenths + 500) / 1000, next);
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        assert_eq!((size("64m"), size("1Gb"), size("7")), (Ok(64 << 20), Ok(1 << 30), Ok(7)));
        assert_eq!((size(" 512 kB "), size("1.5g"), size("2KiB")), (Ok(512 << 10), Ok(3 << 29), Ok(2048)));
        assert_eq!(size("99999999999t").unwrap_err(), "\"99999999999t\" is too large");
        for text in ["", "m", "1x", "-1", "1 2"] {
            assert_eq!(size(text).unwrap_err(), format!("{text:?} is not a size such as 64m"));
        }
    }

    #[test]
    fn sizes_are_read_as_they_are_said() {
        for (text, bytes) in [
            ("0", 0),
            ("20", 20),
            ("1.5kB", 1500),
            ("20 MB", 20_000_000),
            ("2MiB", 2 << 20),
            ("1g", 1_000_000_000),
            ("1.5GiB", 3 << 29),
            ("7 b", 7),
        ] {
            assert_eq!(decimal_size(text), Ok(bytes), "{text}");
        }
        let wrong =
            ["", "MB", "1..2", "1.2.3", "-1", "5x", "5MBB", "5i", "5iB", "5Mii", "99999999999T", "1e3"];
        for text in wrong {
            assert!(decimal_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_said_as_people_say_them() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_031_675, "1.0 MB"),
            (78_123_456, "78.1 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
