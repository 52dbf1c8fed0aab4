//! Go's durations: `1h30m`, `1.5s`, `300ms`.

/// Nanoseconds of a HEALTHCHECK option: zero, or at least a millisecond.
pub(crate) fn healthcheck(name: &str, text: &str) -> Result<i64, String> {
    match parse(text)? {
        nanos if nanos < 0 => Err(format!("--{name} must not be negative")),
        nanos @ 1..1_000_000 => Err(format!("--{name} of {nanos}ns is too short; the minimum is 1ms")),
        nanos => Ok(nanos),
    }
}

fn parse(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}; write for instance 30s or 1m30s");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |at| digits + at);
        let nanos = match &rest[digits..unit_end] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "" => return Err(format!("time: missing unit in duration {text:?}; write for instance {text}s")),
            unit => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        total += number * nanos;
        rest = &rest[unit_end..];
    }
    if total > i64::MAX as f64 {
        return Err(invalid());
    }
    Ok(if negative { -(total as i64) } else { total as i64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_nanoseconds() {
        assert_eq!(parse("1m30s"), Ok(90_000_000_000));
        assert_eq!(parse("1.5s"), Ok(1_500_000_000));
        assert!(parse("5").unwrap_err().contains("missing unit"));
        assert!(parse("5x").unwrap_err().contains("unknown unit"));
        assert!(healthcheck("interval", "10us").is_err());
    }
}
