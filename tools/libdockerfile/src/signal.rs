//! STOPSIGNAL: the valid names of signals.

/// Linux signals without their `SIG`; `RTMIN` and `RTMAX` take an offset.
const NAMES: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
    "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
    "UNUSED", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN",
];

/// Whether a text names a signal.
pub fn is_signal(signal: &str) -> bool {
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    match signal.parse::<i64>() {
        Ok(number) => number != 0,
        Err(_) => NAMES.contains(&name) || name == "RTMAX" || is_real_time(name),
    }
}

/// The error for a text that is not a signal.
pub fn invalid(signal: &str) -> String {
    format!("invalid signal: {signal}; write a number or a name such as SIGTERM")
}

fn is_real_time(name: &str) -> bool {
    let offset = |text: &str, limit: u8| {
        let plain = text.len() <= 2 && !text.starts_with('0');
        plain && text.parse::<u8>().is_ok_and(|n| (1..=limit).contains(&n))
    };
    let up = name.strip_prefix("RTMIN+").is_some_and(|text| offset(text, 15));
    up || name.strip_prefix("RTMAX-").is_some_and(|text| offset(text, 14))
}

#[cfg(test)]
mod tests {
    use super::is_signal;

    #[test]
    fn names_numbers_and_real_time_offsets_are_signals() {
        for good in ["9", "SIGTERM", "term", "SIGRTMIN+3", "RTMAX-14", "rtmax", "SIGUSR1", "64"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in ["", "0", "SIGNOPE", "SIGRTMIN+16", "RTMIN+03", "RTMAX-0", "SIG"] {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
