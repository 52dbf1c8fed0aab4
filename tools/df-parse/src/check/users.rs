//! Users with large ids: making one writes files whose size grows with the id.

/// The first large id. Below it, lastlog has at most about 20 MB.
const LARGE: u64 = 65536;
/// The bytes in /var/log/lastlog and faillog for each id up to the largest.
const RECORDS: u64 = 292 + 32;

/// The error in a command that makes a user with a large id, and the correct command.
pub(super) fn large_id(words: &[String]) -> Option<String> {
    let (tool, instead) = match words[0].as_str() {
        "useradd" if !without_log(words) => ("useradd", "write useradd --no-log-init".to_owned()),
        // Debian's adduser runs useradd. That of busybox has no such file, and has no long options.
        "adduser" => ("adduser", "write useradd --no-log-init in its place".to_owned()),
        _ => return None,
    };
    let short = if tool == "useradd" { "-u" } else { "" };
    let id = uid(words, short).filter(|id| (LARGE..=u64::from(u32::MAX)).contains(id))?;
    let size = (id * RECORDS).div_ceil(1_000_000);
    Some(format!(
        "{tool} with the id {id} makes lastlog and faillog of {size} MB in /var/log, with holes that not every tool keeps; {instead}"
    ))
}

/// Whether the options have `-l`, alone or among other letters, or its long form.
fn without_log(words: &[String]) -> bool {
    words[1..].iter().any(|word| {
        let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        word == "--no-log-init" || letters.is_some_and(|letters| letters.contains('l'))
    })
}

/// The id of `--uid`, or of its `short` form, if it has one.
fn uid(words: &[String], short: &str) -> Option<u64> {
    let mut words = words[1..].iter();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--uid") {
            Some("") => words.next().map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None if !short.is_empty() && ends_with_flag(word) => words.next().map(String::as_str),
            None if !short.is_empty() => word.strip_prefix(short),
            None => None,
        };
        if let Some(id) = value.and_then(|value| value.parse().ok()) {
            return Some(id);
        }
    }
    None
}

/// Whether it is a group of option letters that ends with `u`, such as `-mu`.
fn ends_with_flag(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('u')
}

#[cfg(test)]
mod tests {
    use super::large_id;

    fn told(command: &str) -> Option<String> {
        large_id(&command.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_large_id_needs_no_log_init() {
        for bad in [
            "useradd -u 65536 a",
            "useradd -u2000000 a",
            "useradd -mu 2000000 -s /bin/sh a",
            "useradd --uid 2000000 a",
            "useradd --uid=2000000 a",
            "adduser --disabled-password --uid 2000000 a",
        ] {
            assert!(told(bad).is_some_and(|told| told.contains("useradd --no-log-init")), "{bad}");
        }
        assert!(told("useradd -u 2000000 a").unwrap().contains("of 648 MB in /var/log"));
    }

    #[test]
    fn a_small_id_and_one_without_a_log_are_fine() {
        for good in [
            "useradd -u 65535 a",
            "useradd a",
            "useradd -l -u 2000000 a",
            "useradd -mlu 2000000 a",
            "useradd --no-log-init --uid 2000000 a",
            "adduser -D -u 2000000 a",
            "useradd -u $ID a",
            "groupadd -g 2000000 a",
        ] {
            assert_eq!(told(good), None, "{good}");
        }
    }
}
