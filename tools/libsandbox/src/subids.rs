//! The caller's subordinate ids, subuid(5), which its user namespace gets besides its own: those of the first range that
//! is large enough, or why there are none.

use nix::unistd::{User, getuid};
use std::path::Path;
use std::sync::OnceLock;

/// So many ids an image's files may have: up to 65534, nobody, and one more is the caller's own.
const NEEDED: u32 = 65535;
/// How an ordinary user gets more than its own id.
pub(crate) const MORE_IDS: &str = "give the user subordinate ids (usermod --add-subuids 100000-165535 \
    --add-subgids 100000-165535 USER) and install uidmap";

/// First id and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range(pub(crate) u32, pub(crate) u32);

/// Why the user's ranges are of no use, if they are too small. Set before its namespace is entered, inside which it is
/// root and can't be looked up.
static TOO_FEW: OnceLock<String> = OnceLock::new();

/// Says that the user has subordinate ids, but too few, so that `enter` used its own id alone, and what to do.
pub fn too_few_ids() -> Option<String> {
    TOO_FEW.get().map(|why| format!("{why}, so that only the user's own id exists here; {MORE_IDS}"))
}

/// The same, with what is wrong with the ids that the user has.
pub(crate) fn more_ids() -> String {
    TOO_FEW.get().map_or_else(|| MORE_IDS.to_owned(), |why| format!("{why}; {MORE_IDS}"))
}

/// The caller's ranges of uids and gids, when newuidmap(1) can use them; else why not.
pub(crate) fn subordinate_ranges() -> Result<(Range, Range), String> {
    for helper in ["newuidmap", "newgidmap"] {
        if !["/usr/bin", "/bin", "/usr/local/bin"].iter().any(|dir| Path::new(dir).join(helper).exists()) {
            return Err(format!("{helper} is not there"));
        }
    }
    let name = User::from_uid(getuid()).ok().flatten().map(|user| user.name);
    let find = |file: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        find(&text, name.as_deref(), getuid().as_raw()).map_err(|line| match line {
            Some(line) => TOO_FEW
                .get_or_init(|| format!("the range {line} in {file} is less than the {NEEDED} ids of images"))
                .clone(),
            None => format!("the user has no range of ids in {file}"),
        })
    };
    Ok((find("/etc/subuid")?, find("/etc/subgid")?))
}

/// The user's first range in the text of subuid(5) that is large enough; else its last line, if it has one.
fn find<'a>(text: &'a str, name: Option<&str>, uid: u32) -> Result<Range, Option<&'a str>> {
    let mut small = None;
    for line in text.lines() {
        match range_of(line, name, uid) {
            Some(range) if range.1 >= NEEDED => return Ok(range),
            found => small = found.map(|_| line.trim()).or(small),
        }
    }
    Err(small)
}

/// The range in a line, if it is the user's.
fn range_of(line: &str, name: Option<&str>, uid: u32) -> Option<Range> {
    let mut fields = line.split(':');
    let owner = fields.next()?;
    if Some(owner) != name && owner != uid.to_string() {
        return None;
    }
    Some(Range(fields.next()?.trim().parse().ok()?, fields.next()?.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_the_users_by_name_or_number_and_large_enough() {
        let found = |text| find(text, Some("ann"), 1000);
        assert_eq!(found("ann:100000:65536"), Ok(Range(100_000, 65536)));
        assert_eq!(found("1000:5:65535"), Ok(Range(5, 65535)));
        assert_eq!(found("bob:100000:65536\nann:x:y\n"), Err(None));
        assert_eq!(found("bob:100000:65536\nann:100000:10\n"), Err(Some("ann:100000:10")));
        assert_eq!(found("ann:100000:10\nann:200000:65536\n"), Ok(Range(200_000, 65536)));
    }
}
