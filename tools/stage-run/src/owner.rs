//! The owners of `--chown` and of WORKDIR: names and numbers to ids, looked up in the stage's own files.

use crate::error::StepError;
use libdockerfile::values;
use libsandbox::ids;
use libtree::Root;

/// An owner, and the names that were not found.
#[derive(Debug, PartialEq, Eq)]
pub struct Owner {
    /// User and group.
    pub ids: (u32, u32),
    /// Names that the stage does not know.
    pub unknown: Vec<String>,
}

/// Resolves `user[:group]` in the tree at `root`. Without a tree (in an empty stage, or for `--link`, which sees no
/// stage) only numbers are possible. A number alone is also the group. As in BuildKit, a user that the stage does not
/// know is root, and a group that it does not know is the user's own; the caller should say so.
pub fn resolve(root: Option<&Root>, spec: &str) -> Result<Owner, StepError> {
    if let Some(what) = values::bad_owner(spec) {
        return Err(StepError::input(what));
    }
    let (user, group) = spec.split_once(':').unwrap_or((spec, ""));
    let mut unknown = Vec::new();
    let (uid, own_group) = match (user, number(user)) {
        ("", _) => (0, 0),
        (_, Some(uid)) => (uid, uid),
        (name, None) => match ids::user_id(named(root, name)?, name).map_err(StepError::input)? {
            Some((uid, gid)) => (uid, gid.unwrap_or(uid)),
            None => {
                unknown.push(format!("user {name}"));
                (0, 0)
            }
        },
    };
    let gid = match (group, number(group)) {
        ("", _) => own_group,
        (_, Some(gid)) => gid,
        (name, None) => match ids::group_id(named(root, name)?, name).map_err(StepError::input)? {
            Some(gid) => gid,
            None => {
                unknown.push(format!("group {name}"));
                own_group
            }
        },
    };
    Ok(Owner { ids: (uid, gid), unknown })
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id != u32::MAX)
}

fn named<'a>(root: Option<&'a Root>, name: &str) -> Result<&'a Root, StepError> {
    root.ok_or_else(|| StepError::input(values::no_names(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use libtree::Owners;

    #[test]
    fn numbers_names_and_groups() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/passwd"), "zoe:x:4242:4343::/:/bin/sh\n7:x:1:1::/:\n").unwrap();
        std::fs::write(dir.path().join("etc/group"), "band:x:777:\n").unwrap();
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        let ids = |spec: &str| resolve(Some(&root), spec).unwrap().ids;
        for (spec, expected) in [
            ("10", (10, 10)),
            ("7", (7, 7)),
            ("10:20", (10, 20)),
            (":50", (0, 50)),
            ("zoe", (4242, 4343)),
            ("zoe:band", (4242, 777)),
            ("8:band", (8, 777)),
            ("zoe:9", (4242, 9)),
            ("zoe:", (4242, 4343)),
            ("10:", (10, 10)),
            (":", (0, 0)),
            // A group nobody has is the user's own.
            ("zoe:nogroup", (4242, 4343)),
            ("12:nogroup", (12, 12)),
            ("nobodyhere:9", (0, 9)),
        ] {
            assert_eq!(ids(spec), expected, "{spec}");
        }
        let nobody = resolve(Some(&root), "nobodyhere").unwrap();
        assert_eq!(nobody, Owner { ids: (0, 0), unknown: vec!["user nobodyhere".into()] });
    }

    #[test]
    fn without_a_tree_only_numbers_are_owners() {
        assert_eq!(resolve(None, "21:22").unwrap().ids, (21, 22));
        assert!(resolve(None, "zoe").is_err() && resolve(None, "1:band").is_err());
        // Words that are no ids are refused in the same words, by the parser too.
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        let said = ids::lookup(&root, "4294967296").unwrap_err().to_string();
        assert_eq!(resolve(None, "4294967296").unwrap_err().to_string(), said);
    }
}
