//! Looks up users and groups of an image in its own passwd(5) and group(5), never by the host's name service.

use libtree::Root;
use std::io;

/// The largest passwd or group file, in bytes.
const MAX_FILE: u64 = 10 << 20;

/// The user of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// All groups, even its own: getgroups(2) returns these after a login, and programs rely on that.
    pub groups: Vec<u32>,
    /// Home directory.
    pub home: String,
}

/// The reason why a user can't be had.
#[derive(Debug, thiserror::Error)]
pub enum IdError {
    /// No such user in the image.
    #[error(
        "unable to find user {0}: no matching entry in the image's /etc/passwd; create it in an earlier RUN, or use a number"
    )]
    NoUser(String),
    /// No such group in the image.
    #[error(
        "unable to find group {0}: no matching entry in the image's /etc/group; create it in an earlier RUN, or use a number"
    )]
    NoGroup(String),
    /// The number is no id.
    #[error("{0} is not an id: ids go from 0 to 4294967294")]
    Range(String),
    /// The image's file can't be trusted.
    #[error("cannot read the image's /{0}: {1}")]
    File(&'static str, io::Error),
}

struct User {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

/// Resolves `user[:group]` as docker does: a user by name or number brings its own group and supplementary groups; an
/// explicit group replaces them all. An unknown number is used unchanged, with group 0.
pub fn lookup(root: &Root, spec: &str) -> Result<Identity, IdError> {
    let (user, group) = spec.split_once(':').map_or((spec, None), |(user, group)| (user, Some(group)));
    let user = if user.is_empty() { "0" } else { user };
    let users = read_users(root)?;
    let number = number(user)?;
    let entry = users.iter().find(|entry| match number {
        Some(uid) => entry.uid == uid,
        None => entry.name == user,
    });
    let mut identity = match (entry, number) {
        (Some(entry), _) => Identity {
            uid: entry.uid,
            gid: entry.gid,
            groups: supplementary(root, &entry.name)?,
            home: if entry.home.is_empty() { "/".into() } else { entry.home.clone() },
        },
        (None, Some(uid)) => Identity { uid, gid: 0, groups: Vec::new(), home: "/".into() },
        (None, None) => return Err(IdError::NoUser(user.to_owned())),
    };
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        identity.gid = group_id(root, group)?.ok_or_else(|| IdError::NoGroup(group.to_owned()))?;
        identity.groups.clear();
    }
    identity.groups.push(identity.gid);
    identity.groups.sort_unstable();
    identity.groups.dedup();
    Ok(identity)
}

/// The uid and primary gid of a user named or numbered `user`; `None` if the name is unknown. The gid is `None` for a
/// number without an entry.
pub fn user_id(root: &Root, user: &str) -> Result<Option<(u32, Option<u32>)>, IdError> {
    if let Some(uid) = number(user)? {
        return Ok(Some((uid, None)));
    }
    let found = read_users(root)?.into_iter().find(|entry| entry.name == user);
    Ok(found.map(|entry| (entry.uid, Some(entry.gid))))
}

/// The gid of a group named or numbered `group`; `None` if the name is unknown.
pub fn group_id(root: &Root, group: &str) -> Result<Option<u32>, IdError> {
    if let Some(gid) = number(group)? {
        return Ok(Some(gid));
    }
    Ok(read_groups(root)?.into_iter().find(|entry| entry.name == group).map(|entry| entry.gid))
}

/// Text of digits is a number, never a name, so that an image can't redirect it by an entry of that name.
fn number(text: &str) -> Result<Option<u32>, IdError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<u32>() {
        Ok(id) if id != u32::MAX => Ok(Some(id)),
        _ => Err(IdError::Range(text.to_owned())),
    }
}

fn supplementary(root: &Root, user: &str) -> Result<Vec<u32>, IdError> {
    let has = |group: &Group| group.members.iter().any(|member| member == user);
    Ok(read_groups(root)?.into_iter().filter(has).map(|group| group.gid).collect())
}

fn read(root: &Root, path: &'static str) -> Result<String, IdError> {
    match root.read_small(path.as_bytes(), MAX_FILE) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(String::new())
        }
        Err(error) => Err(IdError::File(path, error)),
    }
}

/// Invalid lines are skipped, as by the C library.
fn read_users(root: &Root) -> Result<Vec<User>, IdError> {
    let parse = |line: &str| {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
        let (uid, gid) = (number(uid).ok()??, number(gid).ok()??);
        (!name.is_empty()).then(|| User { name: name.to_owned(), uid, gid, home: home.to_owned() })
    };
    Ok(read(root, "etc/passwd")?.lines().filter_map(parse).collect())
}

fn read_groups(root: &Root) -> Result<Vec<Group>, IdError> {
    let parse = |line: &str| {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, gid, members] = fields[..] else { return None };
        let members = members.split(',').map(|member| member.trim().to_owned()).collect();
        Some(Group { name: name.to_owned(), gid: number(gid).ok()??, members })
    };
    Ok(read(root, "etc/group")?.lines().filter_map(parse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use libtree::Owners;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        let passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n7:x:0:0::/:\nbroken\n";
        std::fs::write(dir.path().join("etc/passwd"), passwd).unwrap();
        std::fs::write(dir.path().join("etc/group"), "app:x:1001:\nextra:x:44:app,other\n").unwrap();
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        (dir, root)
    }

    #[test]
    fn a_name_brings_its_groups_and_home() {
        let (_dir, root) = root();
        let identity = lookup(&root, "app").unwrap();
        assert_eq!(
            identity,
            Identity { uid: 1000, gid: 1001, groups: vec![44, 1001], home: "/home/app".into() }
        );
        assert_eq!(lookup(&root, "1000").unwrap(), identity);
    }

    #[test]
    fn an_explicit_group_drops_the_others() {
        let (_dir, root) = root();
        let identity = lookup(&root, "app:extra").unwrap();
        assert_eq!((identity.gid, identity.groups), (44, vec![44]));
    }

    #[test]
    fn an_unknown_number_has_group_0_and_no_home() {
        let (_dir, root) = root();
        let identity = lookup(&root, "4242").unwrap();
        assert_eq!(identity, Identity { uid: 4242, gid: 0, groups: vec![0], home: "/".into() });
        assert_eq!(lookup(&root, "").unwrap().groups, [0]);
    }

    #[test]
    fn digits_are_never_a_name_and_never_wrap() {
        let (_dir, root) = root();
        assert_eq!(lookup(&root, "7").unwrap().uid, 7);
        assert!(matches!(lookup(&root, "4294967296"), Err(IdError::Range(_))));
        assert!(matches!(lookup(&root, "4294967295"), Err(IdError::Range(_))));
        assert!(matches!(lookup(&root, "nobody"), Err(IdError::NoUser(_))));
    }
}
