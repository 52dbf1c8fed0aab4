//! Finds the caller's subordinate ids, subuid(5), for its user namespace: those of the first range that is large
//! enough, or the reason why there are none.

use nix::unistd::{User, getuid};
use std::path::Path;
use std::sync::OnceLock;

/// The number of subordinate ids for an image's files, which have ids up to 65534, nobody. 0 is the caller's own.
const NEEDED: u32 = 65535;
/// The remedy for an ordinary user who needs more than its own id.
pub(crate) const MORE_IDS: &str = "give the user subordinate ids (usermod --add-subuids 100000-165535 \
    --add-subgids 100000-165535 USER) and install uidmap";

/// The first id and the number of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range(pub(crate) u32, pub(crate) u32);

/// The reason why the user's ranges are too small, if they are. It is set before the namespace is entered, in which the
/// user is root and can't be looked up.
static TOO_FEW: OnceLock<String> = OnceLock::new();

/// The warning, with the remedy, that the user has too few subordinate ids, so that `enter` used only its own id.
pub fn too_few_ids() -> Option<String> {
    TOO_FEW.get().map(|why| format!("{why}, so that only the user's own id exists here; {MORE_IDS}"))
}

/// The same, with the fault of the user's ranges.
pub(crate) fn more_ids() -> String {
    TOO_FEW.get().map_or_else(|| MORE_IDS.to_owned(), |why| format!("{why}; {MORE_IDS}"))
}

/// The caller's ranges of uids and gids, if newuidmap(1) can use them, or the reason why not.
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

/// The user's first range in the text of subuid(5) that is large enough, or else its last line, if it has one.
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
