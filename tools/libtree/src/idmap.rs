//! The ids that exist in this user namespace, and advice for an id that does not.

use std::fmt::Write;

/// Says which of the two ids is not mapped in this process's user namespace, and how to map it.
pub fn unmapped(uid: u32, gid: u32) -> Option<String> {
    let one = |kind: &str, id, file| {
        let map = std::fs::read_to_string(format!("/proc/self/{kind}_map")).ok()?;
        explain(kind, id, &ranges(&map), file)
    };
    one("uid", uid, "/etc/subuid").or_else(|| one("gid", gid, "/etc/subgid"))
}

/// The ranges of a map: the first id inside, the first id outside, and their number.
fn ranges(map: &str) -> Vec<[u32; 3]> {
    let range = |line: &str| {
        let mut numbers = line.split_whitespace().map_while(|word| word.parse().ok());
        Some([numbers.next()?, numbers.next()?, numbers.next()?])
    };
    map.lines().filter_map(range).collect()
}

fn explain(kind: &str, id: u32, ranges: &[[u32; 3]], file: &str) -> Option<String> {
    let has = |[inside, _, count]: &[u32; 3]| id.checked_sub(*inside).is_some_and(|at| at < *count);
    if ranges.is_empty() || ranges.iter().any(has) {
        return None;
    }
    let last = ranges.iter().map(|[inside, _, count]| inside.saturating_add(count - 1)).max()?;
    let mut text = format!("{kind} {id} does not exist here, only those up to {last}");
    match ranges {
        // Root is the caller, and the other ids are its subordinate ids.
        [[0, caller, 1], [1, start, count]] => {
            write!(text, "; in {file}, change the user's {start}:{count} to {caller}:{start}:{id} or more")
        }
        _ => write!(text, "; give the user who made this namespace more ids in {file}"),
    }
    .ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_the_range_and_the_line_are_named() {
        let map = ranges("         0       1001          1\n         1     100000      65536\n");
        let text = explain("uid", 70000, &map, "/etc/subuid").unwrap();
        for part in ["uid 70000", "up to 65536", "/etc/subuid", "100000:65536", "1001:100000:70000"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        for id in [0, 1, 65536] {
            assert_eq!(explain("uid", id, &map, "/etc/subuid"), None, "{id}");
        }
        assert!(explain("gid", 65537, &map, "/etc/subgid").unwrap().contains("1001:100000:65537"));
        let whole = ranges("0 0 4294967295\n");
        assert_eq!(explain("uid", 4_294_967_294, &whole, "/etc/subuid"), None);
        // A map that cannot be read is not reported.
        assert_eq!(explain("uid", 5, &ranges("x"), "/etc/subuid"), None);
    }
}
