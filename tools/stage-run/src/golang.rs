//! How Go prints values where BuildKit's history strings show it: `%q` of strings and durations.

use std::fmt::Write;

/// A list of strings by `%q`: `["a" "b"]`.
pub fn quoted_list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(" "))
}

/// A list by `%v`: `[a b]`.
pub fn plain_list(words: &[String]) -> String {
    format!("[{}]", words.join(" "))
}

/// A string as a Go literal in double quotes.
pub fn quoted(text: &str) -> String {
    let body: String = text.chars().map(escape).collect();
    format!("\"{body}\"")
}

fn escape(c: char) -> String {
    match c {
        '\\' | '"' => format!("\\{c}"),
        '\x07' => "\\a".into(),
        '\x08' => "\\b".into(),
        '\x0c' => "\\f".into(),
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        '\x0b' => "\\v".into(),
        c if c < ' ' || c == '\x7f' => format!("\\x{:02x}", u32::from(c)),
        c if is_printable(c) => c.to_string(),
        c if u32::from(c) < 0x10000 => format!("\\u{:04x}", u32::from(c)),
        c => format!("\\U{:08x}", u32::from(c)),
    }
}

/// Near enough to unicode.IsPrint: control and format characters and all spaces but U+0020 are not.
fn is_printable(c: char) -> bool {
    let hidden = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}');
    !(c.is_control() || hidden || (c.is_whitespace() && c != ' '))
}

/// A duration in nanoseconds as Go prints it: `1m30s`, `500ms`, `0s`.
pub fn duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    if ns == 0 {
        return "0s".into();
    }
    if ns < 1_000_000_000 {
        let (unit, name) = match ns {
            0..1000 => (1, "ns"),
            1000..1_000_000 => (1000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", decimal(ns / unit, ns % unit, unit));
    }
    const SECOND: u64 = 1_000_000_000;
    let (hours, minutes) = (ns / (3600 * SECOND), ns / (60 * SECOND) % 60);
    let seconds = decimal(ns / SECOND % 60, ns % SECOND, SECOND);
    let mut text = sign.to_owned();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    text + &seconds + "s"
}

fn decimal(whole: u64, rest: u64, unit: u64) -> String {
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_go_literals() {
        assert_eq!(quoted("a\"b\\ \t\n\x01é\u{200b}"), "\"a\\\"b\\\\ \\t\\n\\x01é\\u200b\"");
        assert_eq!(quoted_list(&["sh".into(), "-c".into()]), "[\"sh\" \"-c\"]");
        assert_eq!(quoted_list(&[]), "[]");
    }

    #[test]
    fn durations_are_go_durations() {
        for (ns, text) in [
            (0, "0s"),
            (1_500_000, "1.5ms"),
            (1_000_000_000, "1s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (5_250_000_000, "5.25s"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }
}
