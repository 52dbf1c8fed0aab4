//! Percentages as people write and read them; sizes are libcli's. A part is a hundredth of a percent.

use libcli::Decimal;

/// Parts as a percentage: `95.50 %`.
pub fn percent(parts: u32) -> String {
    format!("{} %", points(parts))
}

/// Parts as points of a percentage: `95.50`.
pub fn points(parts: u32) -> String {
    format!("{}.{:02}", parts / 100, parts % 100)
}

/// Parses a percentage, `95` or `95.5%`, into parts of ten thousand. Less than one percent is refused: 0.95, which is
/// dive's spelling, means 95, and would be a bound that always holds.
pub fn parts(text: &str) -> Result<u32, String> {
    let number = text.trim_end_matches('%').trim();
    let parts = Decimal::parse(number).and_then(|number| number.times(100)).filter(|&parts| parts <= 10_000);
    if parts.is_some_and(|parts| (1..100).contains(&parts)) {
        return Err(format!("{text:?} is less than one percent; write 95 for 0.95"));
    }
    let parts = parts.and_then(|parts| u32::try_from(parts).ok());
    parts.ok_or_else(|| format!("{text:?} is not a percentage; write 95 or 95.5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_as_people_write_them() {
        assert_eq!((parts("95"), parts("99.25 %"), parts("100%")), (Ok(9500), Ok(9925), Ok(10_000)));
        assert!(parts("101").is_err() && parts("x").is_err());
        assert_eq!(parts("0.9").unwrap_err(), "\"0.9\" is less than one percent; write 95 for 0.95");
        assert_eq!((parts("0"), parts("1")), (Ok(0), Ok(100)));
    }
}
