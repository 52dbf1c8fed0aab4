//! Alpine's apk in a RUN: with `--no-cache` it fetches the lists of packages and does not keep them. Text in, text
//! out. A use of apk that it does not understand stays unchanged.

use libshell::list;

const PROGRAM: &[&str] = &["apk", "/sbin/apk", "/usr/bin/apk"];
/// Commands that keep the lists they fetch.
const KEEP: &[&str] = &["add", "upgrade", "fix"];
/// Commands that fetch no lists.
const OTHERS: &[&str] = &["del", "info", "audit", "stats", "verify", "--version", "--print-arch"];
/// Options before a command that take the next word as their value.
const VALUED: &[&str] =
    &["-X", "--repository", "-p", "--root", "--keys-dir", "--repositories-file", "--arch", "--wait"];
const NO_CACHE: &str = "--no-cache";

/// `command` with an apk that keeps no lists: `apk update` is left out if `&&` allows that, and installing commands
/// get the option. Empty if nothing is left.
pub(super) fn without_cache(command: &str) -> Option<String> {
    let updates = |part: &&str| {
        let mut words = part.split_whitespace().skip(1).filter(|word| !word.starts_with('-'));
        PROGRAM.contains(&list::program(part)) && words.next() == Some("update") && words.next().is_none()
    };
    let parts = list::parts(command).filter(|parts| parts.iter().any(updates));
    let left =
        parts.map(|parts| parts.into_iter().filter(|part| !updates(part)).collect::<Vec<_>>().join(" && "));
    match left {
        Some(left) => with_option(&left),
        None => with_option(command),
    }
}

/// The same text with the option after each command that lacks it.
fn with_option(text: &str) -> Option<String> {
    let mut made = String::with_capacity(text.len() + NO_CACHE.len() + 1);
    let mut words = text.split_inclusive([' ', '\t']);
    while let Some(piece) = words.next() {
        made += piece;
        if !PROGRAM.contains(&piece.trim().trim_start_matches(['(', '$', '`', '!'])) {
            continue;
        }
        // The words between apk and its command.
        let mut has = false;
        loop {
            let piece = words.next()?;
            let word = piece.trim();
            made += word;
            if VALUED.contains(&word) {
                made += &piece[word.len()..];
                made += words.next()?;
                continue;
            }
            has |= word == NO_CACHE;
            if KEEP.contains(&word) {
                let behind =
                    words.clone().map(str::trim).take_while(|word| !word.contains(['&', ';', '|', ')']));
                has |= behind.into_iter().any(|word| word == NO_CACHE);
                made += if has { "" } else { " --no-cache" };
            } else if !(word.is_empty() || word.starts_with('-') || OTHERS.contains(&word)) {
                return None;
            }
            made += &piece[word.len()..];
            if KEEP.contains(&word) || OTHERS.contains(&word) {
                break;
            }
        }
    }
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_installs_keeps_no_lists() {
        for (command, wanted) in [
            ("apk add curl", Some("apk add --no-cache curl")),
            ("apk add --no-cache curl", Some("apk add --no-cache curl")),
            ("apk --no-cache add curl", Some("apk --no-cache add curl")),
            ("apk  add   -U curl \t git", Some("apk  add --no-cache   -U curl \t git")),
            ("apk -X http://x/y add a", Some("apk -X http://x/y add --no-cache a")),
            ("set -ex; /sbin/apk upgrade; (apk add a)", None),
            (
                "set -ex; apk add a; (apk add b) && apk del .c",
                Some("set -ex; apk add --no-cache a; (apk add --no-cache b) && apk del .c"),
            ),
            ("apk add a && apk add --no-cache b", Some("apk add --no-cache a && apk add --no-cache b")),
            ("mkdir -p /etc/apk && apk info -e a", Some("mkdir -p /etc/apk && apk info -e a")),
        ] {
            assert_eq!(without_cache(command).as_deref(), wanted, "{command}");
        }
    }

    #[test]
    fn an_update_is_not_needed_any_more() {
        for (command, wanted) in [
            ("apk update", Some("")),
            ("apk update && apk add a", Some("apk add --no-cache a")),
            ("make && apk -q update && apk add a && make", Some("make && apk add --no-cache a && make")),
            ("apk update; apk add a", None),
            ("apk update || true", None),
        ] {
            assert_eq!(without_cache(command).as_deref(), wanted, "{command}");
        }
    }

    #[test]
    fn a_use_of_apk_that_is_not_known_is_left_alone() {
        for command in [
            "apk search a",
            "apk cache clean",
            "apk",
            "apk $what a",
            "command -v apk >/dev/null",
            "apk fetch a && apk add a",
        ] {
            assert_eq!(without_cache(command), None, "{command}");
        }
    }
}
