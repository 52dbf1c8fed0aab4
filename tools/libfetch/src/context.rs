//! Fetches a build context into a directory: the tree of a repository, the files of an archive, or one file, which
//! may be a Dockerfile. Owners mean nothing in a context: everything belongs to the caller.

use crate::file::download_to;
use crate::git::{self, Repository};
use crate::{Environment, FetchError, Kind, Limits};
use libcopy::{CopyError, archive};
use libtree::{Owners, Root, walk};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// BuildKit's name for the single file of a context.
const FILE: &str = "context";
const TREE: &str = "tree";
const KINDS: &str = "name a directory, a tar or a URL of http, https, git or ssh";

/// The result of fetching a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// A tree, with this root.
    Tree(PathBuf),
    /// A file that is not an archive, alone in its directory.
    File(PathBuf),
}

/// Fetches `source`, a URL or the path of an archive, into the empty directory `into`. With `keep`, a repository
/// keeps its `.git`.
pub fn fetch(
    source: &str,
    into: &Path,
    keep: bool,
    environment: &Environment,
) -> Result<Context, FetchError> {
    match Kind::of(source) {
        Kind::Repository => check_out(source, into, keep, environment),
        Kind::File => {
            let path = into.join(FILE);
            download_to(source, &path, environment)?;
            classify(&crate::redact(source), path, into, environment.limits)
        }
        Kind::Path => match github(source) {
            Some(url) => check_out(&url, into, keep, environment),
            None => open(source, into, environment.limits),
        },
    }
}

/// The time of `source` in seconds since 1970: that of a repository's commit, or else the time that a server gives,
/// or else that of the youngest file in an archive. Files fetched for this stay in the empty directory `into`.
pub fn time(source: &str, into: &Path, environment: &Environment) -> Result<Option<i64>, FetchError> {
    if Kind::of(source) == Kind::File {
        let path = into.join(FILE);
        download_to(source, &path, environment)?;
        let what = path.display().to_string();
        let meta = std::fs::metadata(&path).map_err(FetchError::io(&what))?;
        // Without a time from the server, the file has that of 1970.
        return match (meta.mtime(), classify(&crate::redact(source), path, into, environment.limits)?) {
            (0, Context::Tree(tree)) => youngest(&tree),
            (0, Context::File(_)) => Ok(None),
            (seconds, _) => Ok(Some(seconds)),
        };
    }
    match fetch(source, into, false, environment)? {
        // Everything in a checkout has the time of the commit.
        Context::Tree(tree) if Kind::of(source) == Kind::Repository || github(source).is_some() => {
            let meta = std::fs::metadata(&tree).map_err(FetchError::io(&tree.display().to_string()))?;
            Ok(Some(meta.mtime()))
        }
        Context::Tree(tree) => youngest(&tree),
        Context::File(_) => Ok(None),
    }
}

fn youngest(tree: &Path) -> Result<Option<i64>, FetchError> {
    let failed = FetchError::io("cannot read the context");
    let mut youngest = None;
    let root = Root::open(tree, Owners::Real);
    root.and_then(|root| {
        walk::walk::<io::Error>(root.fd(), Owners::Real, &mut |entry| {
            youngest = youngest.max(Some(entry.meta.mtime));
            Ok(walk::Next::Descend)
        })
    })
    .map_err(failed)?;
    Ok(youngest)
}

/// Reads an archive or a file from `input`.
pub fn read(input: &mut dyn Read, into: &Path, limits: Limits) -> Result<Context, FetchError> {
    let path = into.join(FILE);
    let what = path.display().to_string();
    let mut file = File::create_new(&path).map_err(FetchError::io(&what))?;
    match io::copy(input, &mut file).map_err(FetchError::io("cannot read standard input"))? {
        0 => Err(FetchError::invalid("standard input is empty; give it a Dockerfile or a tar")),
        _ => classify("standard input", path, into, limits),
    }
}

/// The URL of `github.com/OWNER/NAME`, which docker accepts for a repository.
fn github(source: &str) -> Option<String> {
    source.starts_with("github.com/").then(|| {
        let end = source.find(['#', '?']).unwrap_or(source.len());
        let path = source[..end].trim_end_matches('/');
        format!("https://{}.git{}", path.strip_suffix(".git").unwrap_or(path), &source[end..])
    })
}

fn check_out(
    source: &str,
    into: &Path,
    keep: bool,
    environment: &Environment,
) -> Result<Context, FetchError> {
    let repository = Repository::parse(source).map_err(FetchError::invalid)?;
    let pinned = git::pin(&repository, environment)?;
    let tree = tree(into)?;
    let keep = repository.keeps_git_dir(keep);
    Ok(Context::Tree(git::check_out(&repository, &pinned, &tree, keep, environment)?))
}

/// The archive at `path`.
fn open(path: &str, into: &Path, limits: Limits) -> Result<Context, FetchError> {
    if path.contains("://") {
        let what = "this kind of URL is unknown; use http, https, git or ssh";
        return Err(FetchError::invalid(format!("{}: {what}", crate::redact(path))));
    }
    let file = File::open(path).map_err(|error| {
        FetchError::io(path)(match error.kind() {
            io::ErrorKind::NotFound => io::Error::other(format!("no such file or directory; {KINDS}")),
            _ => error,
        })
    })?;
    let meta = file.metadata().map_err(FetchError::io(path))?;
    match meta.is_file() && is_archive(&file, path)? {
        true => unpack(path, &file, into, limits),
        false => Err(FetchError::invalid(format!("{path}: this is not a tar; {KINDS}"))),
    }
}

/// Finds out the kind of the file at `path`. `source` is for messages.
fn classify(source: &str, path: PathBuf, into: &Path, limits: Limits) -> Result<Context, FetchError> {
    let what = path.display().to_string();
    let file = File::open(&path).map_err(FetchError::io(&what))?;
    if !is_archive(&file, &what)? {
        return Ok(Context::File(path));
    }
    let context = unpack(source, &file, into, limits)?;
    std::fs::remove_file(&path).map_err(FetchError::io(&what))?;
    Ok(context)
}

/// Whether a file is a tar, even an empty one: no other context begins with zeros.
fn is_archive(file: &File, path: &str) -> Result<bool, FetchError> {
    let content = archive::content(file).map_err(FetchError::io(path))?;
    Ok(content != archive::Content::Other)
}

fn unpack(source: &str, file: &File, into: &Path, limits: Limits) -> Result<Context, FetchError> {
    let tree = tree(into)?;
    let root = Root::open(&tree, Owners::Real).map_err(FetchError::io("cannot open the context"))?;
    let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    archive::unpack(file, source.as_bytes(), &root, Some(owner), limits).map_err(|error| match error {
        CopyError::Archive { error, .. } => {
            FetchError::invalid(format!("{source}: the archive can't be unpacked: {error}"))
        }
        other => FetchError::invalid(other.to_string()),
    })?;
    Ok(Context::Tree(tree))
}

/// A new directory for a tree, readable by others whatever the umask is.
fn tree(into: &Path) -> Result<PathBuf, FetchError> {
    let tree = into.join(TREE);
    let made = DirBuilder::new().mode(0o755).create(&tree);
    made.and_then(|()| std::fs::set_permissions(&tree, Permissions::from_mode(0o755)))
        .map_err(FetchError::io(&tree.display().to_string()))?;
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_at_github_is_a_repository() {
        for (source, url) in [
            ("github.com/a/b", Some("https://github.com/a/b.git")),
            ("github.com/a/b.git#v1:d", Some("https://github.com/a/b.git#v1:d")),
            ("github.com/a/b/?ref=x", Some("https://github.com/a/b.git?ref=x")),
            ("example.com/a/b", None),
            ("./github.com/a/b", None),
        ] {
            assert_eq!(github(source).as_deref(), url, "{source}");
        }
    }
}
