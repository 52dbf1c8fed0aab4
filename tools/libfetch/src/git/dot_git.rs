//! The `.git` that a checkout keeps: one commit, the reference that was asked for, and the URL. They determine every
//! byte, so that a commit gives the same layer at any time and for anybody. No byte of it is secret.

use crate::FetchError;
use libtree::remove::remove_path;
use libtree::walk::names_at;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Runs git with these arguments in the repository of this directory.
pub(super) type Run<'a> = dyn Fn(&Path, &[&str]) -> Result<String, FetchError> + 'a;

/// Every branch, as `git remote add` writes it.
pub(super) const BRANCHES: &str = "+refs/heads/*:refs/remotes/origin/*";

/// The files of a repository that depend on the time, the method and the server of the fetch.
const TRACES: [&str; 5] = ["FETCH_HEAD", "logs", "packed-refs", "refs", "shallow"];

/// Normalises the repository in `dir`, and those of its submodules, so that every fetch gives the same. `reference`
/// is the only name that stays, with its object.
pub(super) fn settle(dir: &Path, reference: Option<(&str, &str)>, git: &Run) -> Result<(), FetchError> {
    repository(dir, reference, git)?;
    for module in modules(dir).map_err(failed())? {
        // Its branches depend on the day of the fetch.
        repository(&module, None, git)?;
    }
    Ok(())
}

fn failed() -> impl FnOnce(io::Error) -> FetchError {
    FetchError::io("cannot tidy the checkout's .git")
}

fn repository(dir: &Path, reference: Option<(&str, &str)>, git: &Run) -> Result<(), FetchError> {
    let commit = git(dir, &["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])?;
    let commit = commit.trim();
    bare_of_traces(dir, commit).map_err(failed())?;
    if let Some((name, object)) = reference {
        // A log would name this machine and the time.
        git(dir, &["-c", "core.logAllRefUpdates=false", "update-ref", name, object])?;
    }
    // A new index, without the times and inodes of files that will be copied.
    git(dir, &["read-tree", commit])?;
    // Servers pack in different ways, and some send more than the commit.
    let again = ["-c", "pack.threads=1", "repack", "-adFqn", "--window=0", "--depth=0"];
    git(dir, &again)?;
    git(dir, &["prune"]).map(drop)
}

/// Keeps HEAD at `commit`, the objects and the configuration.
fn bare_of_traces(dir: &Path, commit: &str) -> io::Result<()> {
    for name in TRACES {
        remove_path(&dir.join(name))?;
    }
    fs::create_dir_all(dir.join("refs/heads"))?;
    fs::create_dir_all(dir.join("refs/tags"))?;
    fs::write(dir.join("HEAD"), format!("{commit}\n"))?;
    fs::write(dir.join("shallow"), format!("{commit}\n"))?;
    let config = dir.join("config");
    fs::write(&config, configuration(&fs::read_to_string(&config)?))
}

/// The configuration without credentials, and without the server's default branch, which a clone stores.
fn configuration(text: &str) -> String {
    let mut branch = false;
    let mut lines = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            branch = line.starts_with("[branch ");
        }
        let line = match line.trim_start().split_once(" = ") {
            Some(("url", url)) => format!("\turl = {}", libwire::remote::without_credentials(url)),
            Some(("fetch", _)) => format!("\tfetch = {BRANCHES}"),
            _ => line.to_owned(),
        };
        if !branch {
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    lines
}

/// The repositories of submodules, whose names may have slashes, and of their submodules.
fn modules(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.join("modules")];
    while let Some(dir) = waiting.pop() {
        if !dir.is_dir() {
            continue;
        }
        for name in names_at(&dir)? {
            let path = dir.join(name);
            match path.symlink_metadata()?.is_dir() {
                true if path.join("HEAD").is_file() => {
                    waiting.push(path.join("modules"));
                    found.push(path);
                }
                true => waiting.push(path),
                false => {}
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_keeps_neither_credentials_nor_a_default_branch() {
        let text = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://u:p@h/x.git\n\tfetch = +refs/heads/m:refs/remotes/origin/m\n\
            [branch \"m\"]\n\tremote = origin\n\tmerge = refs/heads/m\n[submodule \"a\"]\n\tactive = true\n\turl = \"https://u:p;@h/a\"\n";
        let wanted = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://h/x.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
            [submodule \"a\"]\n\tactive = true\n\turl = \"https://h/a\"\n";
        assert_eq!(configuration(text), wanted);
    }

    #[test]
    fn repositories_of_submodules_are_found_by_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "objects/logs", "a/modules/b/c"] {
            let module = dir.path().join("modules").join(name);
            fs::create_dir_all(&module).unwrap();
            fs::write(module.join("HEAD"), "").unwrap();
        }
        let mut found = modules(dir.path()).unwrap();
        found.sort();
        let names = ["a", "a/modules/b/c", "objects/logs"];
        assert_eq!(found, names.map(|name| dir.path().join("modules").join(name)));
    }
}
