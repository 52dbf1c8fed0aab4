//! Warns of what `COPY --link` does to the path of its destination. It sees nothing of the stage, so it makes each
//! directory of that path anew: another mode or owner, or a link in the path, is lost in the image.

use crate::copy::parts::Part;
use crate::session::Session;
use crate::tree::Tree;
use libtree::{FileKind, Meta, root};

/// The mode of a directory that is made.
const MADE: u32 = 0o755;

/// A warning of what the copy of `parts` to `target` replaces in the tree of those `parents` that are unpacked.
pub fn warning(
    session: &Session,
    parents: &[String],
    parts: &[Part],
    target: &str,
    owner: Option<(u32, u32)>,
) -> Option<String> {
    let unpacked = |id: &&String| session.store.snapshot_fs(id).is_ok();
    let parents: Vec<String> = parents.iter().filter(unpacked).cloned().collect();
    if parents.is_empty() {
        return None;
    }
    // The step itself does not need the tree. If something is wrong with it, a step that does will say so.
    let tree = Tree::merged(session, &parents).ok()?;
    let (mut what, mut path) = (Vec::new(), String::new());
    let mut names = root::components(target.as_bytes()).peekable();
    while let Some(name) = names.next() {
        path = format!("{path}/{}", String::from_utf8_lossy(name));
        let Ok(meta) = tree.root.lstat(path.as_bytes()) else { break };
        what.extend(match names.peek().is_some() || is_directory(parts, target) {
            true => as_directory(&tree, &path, &meta, owner.unwrap_or((0, 0))),
            false => meta.is_dir().then(|| as_file(&path)),
        });
        if !meta.is_dir() {
            break;
        }
    }
    let them = if what.len() == 1 { "it" } else { "them" };
    let what = what.join(", ");
    (!what.is_empty())
        .then(|| format!("--link makes its destination anew: {what}; leave --link out to keep {them}"))
}

/// Whether the copy makes `target` a directory. For ADD the answer is yes, since its source may be an archive.
fn is_directory(parts: &[Part], target: &str) -> bool {
    let is_file = |part: &Part| match (&*part.request.sources, &*part.request.documents) {
        ([source], []) => part.tree.root.stat(source.as_bytes()).is_ok_and(|meta| !meta.is_dir()),
        ([], [_]) => true,
        _ => false,
    };
    match parts {
        [part] => target.ends_with('/') || part.request.extract || !is_file(part),
        _ => true,
    }
}

fn as_file(path: &str) -> String {
    format!("{path} is a directory and becomes a file (write {path}/ to copy into it)")
}

fn as_directory(tree: &Tree, path: &str, meta: &Meta, (uid, gid): (u32, u32)) -> Option<String> {
    if meta.kind == FileKind::Symlink {
        let leads = tree.root.read_link(path.as_bytes()).unwrap_or_default();
        let leads = String::from_utf8_lossy(&leads).into_owned();
        return Some(format!("{path} is a link to {leads} and becomes a directory"));
    }
    if !meta.is_dir() {
        return Some(format!("{path} is no directory and becomes one"));
    }
    let mode = (meta.mode != MADE).then(|| format!("mode {:04o} and gets {MADE:04o}", meta.mode));
    let owner = ((meta.uid, meta.gid) != (uid, gid))
        .then(|| format!("owner {}:{} and gets {uid}:{gid}", meta.uid, meta.gid));
    let both: Vec<String> = mode.into_iter().chain(owner).collect();
    (!both.is_empty()).then(|| format!("{path} has {}", both.join(", ")))
}
