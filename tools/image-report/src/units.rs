//! Sizes and percentages as people write them, and percentages as they are said to them; libcli says sizes. A part
//! is a hundredth of a percent.

/// Parts as a percentage: `95.50 %`.
pub fn percent(parts: u32) -> String {
    format!("{} %", points(parts))
}

/// Parts as points of a percentage: `95.50`.
pub fn points(parts: u32) -> String {
    format!("{}.{:02}", parts / 100, parts % 100)
}

/// A size as people write it: bytes, or with k, M, G or T for thousands, and KiB and so on for powers of 1024.
pub fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let (letter, base) = match unit.strip_suffix('i') {
        Some(letter) if !letter.is_empty() => (letter, 1024u64),
        _ => (unit, 1000),
    };
    let power = ["", "k", "m", "g", "t"].iter().position(|known| *known == letter);
    let value = power.and_then(|power| scaled(number, base.pow(power as u32)));
    value.ok_or_else(|| format!("{text:?} is no size; write it as 20000000, 20MB or 20MiB"))
}

/// `number`, which may have a fraction, times `by`, rounded down.
fn scaled(number: &str, by: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = fraction.bytes().take(9).all(|byte| byte.is_ascii_digit());
    let fraction: u64 = format!("{fraction:0<9.9}").parse().ok().filter(|_| digits)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(by)?;
    whole.checked_add((u128::from(fraction) * u128::from(by) / 1_000_000_000) as u64)
}

/// A percentage, `95` or `95.5%`, in parts of ten thousand. Less than one is none: whoever writes 0.95, as dive wants
/// it, means 95, and would have a bound that holds whatever there is.
pub fn parts(text: &str) -> Result<u32, String> {
    let number = text.trim_end_matches('%').trim();
    let parts = scaled(number, 100).filter(|&parts| parts <= 10_000);
    if parts.is_some_and(|parts| (1..100).contains(&parts)) {
        return Err(format!("{text:?} is less than one percent; write 95 for 0.95"));
    }
    let parts = parts.and_then(|parts| u32::try_from(parts).ok());
    parts.ok_or_else(|| format!("{text:?} is no percentage; write it as 95 or 95.5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_percentages_are_read_as_people_write_them() {
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
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "MB", "1..2", "1.2.3", "-1", "5x", "5MBB", "5i", "5iB", "5Mii", "99999999999T", "1e3"]
        {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!((parts("95"), parts("99.25 %"), parts("100%")), (Ok(9500), Ok(9925), Ok(10_000)));
        assert!(parts("101").is_err() && parts("x").is_err());
        assert_eq!(parts("0.9").unwrap_err(), "\"0.9\" is less than one percent; write 95 for 0.95");
        assert_eq!((parts("0"), parts("1")), (Ok(0), Ok(100)));
    }
}
