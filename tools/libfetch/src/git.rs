//! Trees from git repositories, by the git program in a clean environment: its only configuration is set here, and
//! there are no hooks, no prompts, and no protocols that run a command or read local files.

mod command;
mod dot_git;
mod tidy;

pub use libwire::remote::{Pinned, Repository};

use crate::{Environment, FetchError};
use command::Git;
use libwire::remote::is_commit;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use std::path::{Path, PathBuf};

/// Asks the server for the commit of a reference, and compares it with the checksum, if there is one.
pub fn pin(repository: &Repository, environment: &Environment) -> Result<Pinned, FetchError> {
    let reference = repository.reference.as_deref();
    let pinned = match (reference, repository.checksum.as_deref()) {
        (Some(commit), _) if is_commit(commit) && !repository.trusted => Pinned::to(commit, None),
        // As in BuildKit, a short name is that of a branch, without a look-up.
        (name, Some(commit)) if repository.trusted => {
            Pinned::to(commit, name.filter(|name| !is_commit(name)).map(|name| full("heads", name)))
        }
        (reference, _) => look_up(repository, reference.unwrap_or("HEAD"), environment)?,
    };
    let begins =
        |expected: &str| pinned.commit().starts_with(expected) || pinned.object().starts_with(expected);
    match &repository.checksum {
        Some(expected) if !begins(expected) => Err(FetchError::Checksum {
            url: crate::redact(&repository.remote),
            got: pinned.commit().to_owned(),
            expected: expected.clone(),
        }),
        _ => Ok(pinned),
    }
}

/// The full name of the reference `name` of this kind.
fn full(kind: &str, name: &str) -> String {
    match name.starts_with("refs/") {
        true => name.to_owned(),
        false => format!("refs/{kind}/{name}"),
    }
}

fn look_up(repository: &Repository, name: &str, environment: &Environment) -> Result<Pinned, FetchError> {
    let remote = &repository.remote;
    // A branch takes precedence over a tag. The first is for names like pull/1/head.
    let names = match name {
        "HEAD" => vec!["HEAD".to_owned()],
        name if name.starts_with("refs/") => vec![name.to_owned()],
        name => ["", "heads/", "tags/"].map(|kind| format!("refs/{kind}{name}")).to_vec(),
    };
    let mut git = Git::new(remote, environment);
    git.args(["ls-remote", "--quiet", "--symref", "--", remote]);
    for name in &names {
        git.args([name.as_str(), &format!("{name}^{{}}")]);
    }
    let listing = Listing(git.run()?);
    let found = names.iter().find_map(|name| {
        // A tag stands for its commit.
        let (object, peeled) = (listing.object(name)?, listing.object(&format!("{name}^{{}}")));
        Some((name, peeled.unwrap_or(object).to_owned(), peeled.map(|_| object.to_owned())))
    });
    let Some((found, commit, tag)) = found else {
        let what = format!("the repository has no branch or tag {name}; correct what is after the #");
        return Err(FetchError::remote(remote, what));
    };
    let name = match (found.as_str(), listing.branch()) {
        ("HEAD", Some(branch)) if libwire::remote::is_odd(branch) => {
            return Err(FetchError::remote(
                remote,
                "its HEAD is not a valid name of a branch; name a branch",
            ));
        }
        ("HEAD", branch) => branch.map(|branch| full("heads", branch)),
        (name, _) => Some(name.to_owned()),
    };
    let wanted = name.clone().unwrap_or(found.clone());
    Ok(Pinned::named(&commit, name, tag, &wanted))
}

/// The output of `git ls-remote --symref`.
struct Listing(String);

impl Listing {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.lines().filter_map(|line| line.split_once('\t'))
    }

    fn object(&self, wanted: &str) -> Option<&str> {
        self.pairs().find(|(id, name)| *name == wanted && is_commit(id)).map(|(id, _)| id)
    }

    /// The branch of the server's HEAD.
    fn branch(&self) -> Option<&str> {
        self.pairs().find(|(_, name)| *name == "HEAD")?.0.strip_prefix("ref: refs/heads/")
    }
}

/// Checks the commit out into the empty directory `into`, with its submodules, and returns the requested directory in
/// it. With `keep`, `.git` stays.
pub fn check_out(
    repository: &Repository,
    pinned: &Pinned,
    into: &Path,
    keep: bool,
    environment: &Environment,
) -> Result<PathBuf, FetchError> {
    let given = into;
    let into = &std::path::absolute(into).map_err(FetchError::io("the current directory"))?;
    let remote = &repository.remote;
    let run = |args: &[&str]| Git::new(remote, environment).in_tree(into).args(args).run();
    let commit = commit(remote, pinned, &run)?;
    if !repository.bare && into.join(".gitmodules").symlink_metadata().is_ok_and(|meta| meta.is_file()) {
        submodules(&|args| Git::new(remote, environment).in_tree(into).of_submodules().args(args).run())?;
    }
    let time = match repository.fresh {
        true => None,
        false => {
            let time = run(&["show", "--no-patch", "--format=%ct", &commit])?;
            Some(time.trim().parse().unwrap_or(0))
        }
    };
    if keep {
        let git =
            |dir: &Path, args: &[&str]| Git::new(remote, environment).in_repository(dir).args(args).run();
        dot_git::settle(&into.join(".git"), pinned.name().map(|name| (name, pinned.object())), &git)?;
    } else {
        tidy::remove_repositories(into).map_err(FetchError::io("cannot tidy the checkout"))?;
    }
    tidy::settle(into, time).map_err(FetchError::io("cannot set the times of the checkout"))?;
    asked_for(repository, given)
}

/// Makes a repository, fetches the commit and checks it out. Returns the commit.
fn commit(remote: &str, pinned: &Pinned, run: &Run) -> Result<String, FetchError> {
    let format = if pinned.commit().len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
    run(&["init", "--quiet", "--initial-branch=main", format, "."])?;
    // The URL of a submodule may be relative to this one.
    run(&["config", "remote.origin.url", remote])?;
    run(&["config", "remote.origin.fetch", dot_git::BRANCHES])?;
    fetch(remote, pinned, run)?;
    let object = format!("{}^{{commit}}", pinned.object());
    let commit = run(&["rev-parse", "--quiet", "--verify", "--end-of-options", &object])
        .map_err(|_| FetchError::remote(remote, "the reference moved while it was fetched; try again"))?;
    let commit = commit.trim();
    run(&["checkout", "--quiet", "--detach", commit])?;
    Ok(commit.to_owned())
}

/// Runs git with these arguments in the checkout.
type Run<'a> = dyn Fn(&[&str]) -> Result<String, FetchError> + 'a;

/// Fetches the one commit, or more if the server cannot send it alone.
fn fetch(remote: &str, pinned: &Pinned, run: &Run) -> Result<(), FetchError> {
    let few = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
    let wanted = pinned.wanted();
    let Err(error) = run(&[&few[..], &["--depth=1", "--", remote, wanted]].concat()) else {
        return Ok(());
    };
    if is_commit(wanted) {
        // Some servers send only commits at the end of a branch.
        let all = [dot_git::BRANCHES, "+refs/tags/*:refs/tags/*"];
        return run(&["fetch", "--quiet", "--no-recurse-submodules", "--", remote, all[0], all[1]]).map(drop);
    }
    match error.to_string().contains("shallow") {
        // Plain files on a web server can only be fetched as a whole.
        true => run(&[&few[..], &["--", remote, wanted]].concat()).map(drop),
        false => Err(error),
    }
}

fn submodules(run: &Run) -> Result<(), FetchError> {
    let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
    let shallow = run(&[&update[..], &["--depth=1"]].concat());
    shallow.or_else(|_| run(&update)).map(drop)
}

/// The subdirectory, which must not be behind a link, or the whole checkout.
fn asked_for(repository: &Repository, into: &Path) -> Result<PathBuf, FetchError> {
    let Some(subdir) = &repository.subdir else { return Ok(into.to_owned()) };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, into, flags, Mode::empty())
        .map_err(|errno| FetchError::io("cannot open the checkout")(errno.into()))?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(&root, subdir.as_str(), flags, Mode::empty(), resolve) {
        Ok(_) => Ok(into.join(subdir)),
        Err(_) => {
            let what = format!("{}: it has no directory {subdir}", crate::redact(&repository.remote));
            Err(FetchError::invalid(what))
        }
    }
}
